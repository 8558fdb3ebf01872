"""private feeds of recommendations"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "5c20b7e94d18"
down_revision = "1d6e94b07c2f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_feeds"),
        sa.UniqueConstraint("digest", name="uq_feeds_digest"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_feeds_user_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("feeds")
