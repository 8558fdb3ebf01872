"""tries to log in, register and be written to, counted to slow down whoever guesses; logins that ended"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "7be2d90c4f16"
down_revision = "c41d8e07b5f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_key_at", "attempts", ["key", "at"])
    op.create_index("ix_attempts_at", "attempts", ["at"])
    op.create_table(
        "ended_logins",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ended_logins"),
    )
    op.create_index("ix_ended_logins_ended_at", "ended_logins", ["ended_at"])


def downgrade() -> None:
    op.drop_table("ended_logins")
    op.drop_table("attempts")
