"""factors of items that came after training"""

import sqlalchemy as sa
from alembic import op

revision = "1d6e94b07c2f"
down_revision = "7b3e90d5a1f4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folded_items",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.Column("sources", sa.LargeBinary, nullable=False),
        sa.Column("bias", sa.Double, nullable=False),
        sa.Column("rating_count", sa.Integer, nullable=False),
        sa.Column("rating_mean", sa.Double, nullable=False),
        sa.Column("popularity_count", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("version", "item_id", name="pk_folded_items"),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name="fk_folded_items_item_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_folded_items_item_id", "folded_items", ["item_id"])
    with op.batch_alter_table("catalogue_state") as state:
        state.add_column(
            sa.Column("folded_edition", sa.Integer, server_default="0", nullable=False)
        )
        state.add_column(sa.Column("folded_from", sa.String(64)))


def downgrade() -> None:
    with op.batch_alter_table("catalogue_state") as state:
        state.drop_column("folded_from")
        state.drop_column("folded_edition")
    op.drop_table("folded_items")
