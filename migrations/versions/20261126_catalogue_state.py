"""the catalogue's version apart from what every sign-up writes to"""

import sqlalchemy as sa
from alembic import op

revision = "7b20f4d9c6e1"
down_revision = "7be2d90c4f16"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogue_state",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("version", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_state"),
    )
    op.execute(
        "INSERT INTO catalogue_state (id, version) SELECT id, catalogue_version FROM site_state"
    )
    with op.batch_alter_table("site_state") as table:
        table.drop_column("catalogue_version")


def downgrade() -> None:
    with op.batch_alter_table("site_state") as table:
        table.add_column(sa.Column("catalogue_version", sa.String(64)))
    op.execute("UPDATE site_state SET catalogue_version = (SELECT version FROM catalogue_state)")
    op.drop_table("catalogue_state")
