"""people, titles, ratings"""

import sqlalchemy as sa
from alembic import op

from app.models import FIRST_ID_WITHOUT_CATALOGUE, UtcDateTime

revision = "f11ffe288c71"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("username", sa.String(64)),
        sa.Column("username_key", sa.String(255)),
        sa.Column("email", sa.String(254)),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("session_key", sa.String(64)),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username_key", name="uq_users_username_key"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.UniqueConstraint("session_key", name="uq_users_session_key"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("genres", sa.String(255), nullable=False),
        sa.Column("imdb_id", sa.String(16)),
        sa.Column("tmdb_id", sa.Integer),
        sa.Column("search_key", sa.String(255), nullable=False),
        sa.Column("rating_count", sa.Integer, nullable=False),
        sa.Column("rating_mean", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
    )
    op.create_index("ix_items_rating_count", "items", ["rating_count"])
    op.create_table(
        "ratings",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("rating", sa.Double, nullable=False),
        sa.Column("rated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "item_id", name="pk_ratings"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_ratings_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_ratings_item_id"),
    )
    op.create_index("ix_ratings_item_id", "ratings", ["item_id"])
    op.create_index("ix_ratings_user_id_rated_at", "ratings", ["user_id", "rated_at"])
    site_state = op.create_table(
        "site_state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last_user_id", sa.Integer, nullable=False),
        sa.Column("catalogue_version", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_site_state"),
    )
    op.bulk_insert(site_state, [{"id": 1, "last_user_id": FIRST_ID_WITHOUT_CATALOGUE}])


def downgrade() -> None:
    for table in ("site_state", "ratings", "items", "users"):
        op.drop_table(table)
