"""what an import changed, so that it can be undone, and lines that wait for a title"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "5e0c7d19b2a8"
down_revision = "3c9e51ab7d04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("imports") as imports:
        imports.add_column(sa.Column("undone_at", UtcDateTime))
    with op.batch_alter_table("catalogue_state") as state:
        state.add_column(sa.Column("lines_version", sa.String(64)))
    op.create_table(
        "import_changes",
        sa.Column("import_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("at_before", UtcDateTime),
        sa.Column("at_after", UtcDateTime),
        sa.Column("rating_before", sa.Double),
        sa.Column("rating_after", sa.Double),
        sa.Column("is_implicit", sa.Boolean),
        sa.Column("predicted", sa.Double),
        sa.Column("community", sa.Double),
        sa.Column("model_version", sa.String(64)),
        sa.Column("via", sa.String(16)),
        sa.PrimaryKeyConstraint("import_id", "kind", "item_id", name="pk_import_changes"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_import_changes_import_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_import_changes_item_id"),
    )
    op.create_index("ix_import_changes_item_id", "import_changes", ["item_id"])
    op.create_table(
        "open_lines",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("import_id", sa.Integer),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("original_title", sa.String(255), nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("catalogue_id", sa.Integer),
        sa.Column("imdb_id", sa.String(16)),
        sa.Column("tmdb_id", sa.Integer),
        sa.Column("mark", sa.String(16), nullable=False),
        sa.Column("rating", sa.Double),
        sa.Column("at", UtcDateTime),
        sa.Column("match_id", sa.Integer),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_open_lines"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_open_lines_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_open_lines_import_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["match_id"], ["items.id"], name="fk_open_lines_match_id"),
    )
    op.create_index("ix_open_lines_import_id", "open_lines", ["import_id"])
    op.create_index("ix_open_lines_match_id", "open_lines", ["match_id"])


def downgrade() -> None:
    op.drop_table("open_lines")
    op.drop_table("import_changes")
    with op.batch_alter_table("catalogue_state") as state:
        state.drop_column("lines_version")
    with op.batch_alter_table("imports") as imports:
        imports.drop_column("undone_at")
