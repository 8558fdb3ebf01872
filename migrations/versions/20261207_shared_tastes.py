"""friends who agree to compare their tastes"""

import sqlalchemy as sa
from alembic import op

revision = "8e41f6a20b97"
down_revision = "5c20b7e94d18"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("companions") as companions:
        for name in ("user_shares", "asked_shares"):
            companions.add_column(
                sa.Column(name, sa.Boolean, server_default=sa.false(), nullable=False)
            )


def downgrade() -> None:
    with op.batch_alter_table("companions") as companions:
        companions.drop_column("asked_shares")
        companions.drop_column("user_shares")
