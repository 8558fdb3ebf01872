"""experiments, and what each arm recommended to whom"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "c41d8e07b5f2"
down_revision = "5e1f7c2a90d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("control", sa.String(255), nullable=False),
        sa.Column("treatment", sa.String(255), nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("is_running", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
        sa.UniqueConstraint("name", name="uq_experiments_name"),
        sa.UniqueConstraint("is_running", name="uq_experiments_is_running"),
    )
    op.create_table(
        "exposures",
        sa.Column("experiment_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("shown_at", UtcDateTime, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "user_id", "item_id", name="pk_exposures"),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name="fk_exposures_experiment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_exposures_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_exposures_item_id"),
    )
    op.create_index("ix_exposures_user_id", "exposures", ["user_id"])
    op.create_index("ix_exposures_item_id", "exposures", ["item_id"])


def downgrade() -> None:
    op.drop_table("exposures")
    op.drop_table("experiments")
