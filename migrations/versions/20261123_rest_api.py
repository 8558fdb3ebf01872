"""the REST API: tokens, implicit ratings, what data sets say of people and titles"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "5e1f7c2a90d3"
down_revision = "a93c5d0be214"
branch_labels = None
depends_on = None


def flag(name: str) -> sa.Column:
    return sa.Column(name, sa.Boolean, server_default=sa.false(), nullable=False)


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("gender", sa.String(16)))
        users.add_column(sa.Column("year_of_birth", sa.Integer))
        users.add_column(flag("from_data_set"))
    with op.batch_alter_table("items") as items:
        items.add_column(sa.Column("description", sa.Text))
        items.drop_index("ix_items_rating_count")
        items.create_index("ix_items_rating_count_rating_mean", ["rating_count", "rating_mean"])
    with op.batch_alter_table("ratings") as ratings:
        ratings.add_column(flag("is_implicit"))
        ratings.create_index(
            "ix_ratings_user_id_rating_rated_at", ["user_id", "rating", "rated_at"]
        )
    with op.batch_alter_table("site_state") as site_state:
        site_state.add_column(flag("has_data_set"))
        site_state.add_column(sa.Column("statistics_at", UtcDateTime))
    # Descriptions come with the catalogue, which is brought again.
    op.execute("UPDATE site_state SET catalogue_version = NULL")
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("last_used_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("name", name="uq_tokens_name"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_tokens_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])


def downgrade() -> None:
    op.drop_table("tokens")
    with op.batch_alter_table("site_state") as site_state:
        site_state.drop_column("statistics_at")
        site_state.drop_column("has_data_set")
    # What nobody said is no rating to a site that cannot tell.
    op.execute(sa.text("DELETE FROM ratings WHERE is_implicit = :yes").bindparams(yes=True))
    with op.batch_alter_table("ratings") as ratings:
        ratings.drop_index("ix_ratings_user_id_rating_rated_at")
        ratings.drop_column("is_implicit")
    with op.batch_alter_table("items") as items:
        items.drop_index("ix_items_rating_count_rating_mean")
        items.create_index("ix_items_rating_count", ["rating_count"])
        items.drop_column("description")
    with op.batch_alter_table("users") as users:
        users.drop_column("from_data_set")
        users.drop_column("year_of_birth")
        users.drop_column("gender")
