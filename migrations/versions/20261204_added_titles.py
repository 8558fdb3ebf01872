"""titles that are added at the site, between two trainings"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "8f3b6a0d57e4"
down_revision = "d7b31a9c40e5"
branch_labels = None
depends_on = None

# By which titles are found that are here already.
FOUND_BY = ("imdb_id", "tmdb_id", "search_key")


def upgrade() -> None:
    with op.batch_alter_table("items") as items:
        for column in FOUND_BY:
            items.create_index(f"ix_items_{column}", [column])
    with op.batch_alter_table("catalogue_state") as state:
        # One below the first id: recommender.catalogue.FIRST_ADDED_ITEM.
        state.add_column(
            sa.Column("last_added_id", sa.Integer, server_default="1073741823", nullable=False)
        )
    op.create_table(
        "added_titles",
        sa.Column("item_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("added_by", sa.Integer),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("import_id", sa.Integer),
        sa.Column("hidden_at", UtcDateTime),
        sa.Column("merged_into", sa.Integer),
        sa.PrimaryKeyConstraint("item_id", name="pk_added_titles"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_added_titles_item_id"),
        sa.ForeignKeyConstraint(["merged_into"], ["items.id"], name="fk_added_titles_merged_into"),
        sa.ForeignKeyConstraint(
            ["added_by"], ["users.id"], name="fk_added_titles_added_by", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_added_titles_import_id", ondelete="SET NULL"
        ),
    )
    for column in ("added_at", "added_by", "import_id", "merged_into"):
        op.create_index(f"ix_added_titles_{column}", "added_titles", [column])


def downgrade() -> None:
    """Titles that were added stay as rows of ``items``; nothing tells them apart any more."""
    op.drop_table("added_titles")
    with op.batch_alter_table("catalogue_state") as state:
        state.drop_column("last_added_id")
    with op.batch_alter_table("items") as items:
        for column in FOUND_BY:
            items.drop_index(f"ix_items_{column}")
