"""on how many days a title was recommended to someone"""

import sqlalchemy as sa
from alembic import op

revision = "b3d17c58e04a"
down_revision = "8e41f6a20b97"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("shown") as shown:
        shown.add_column(sa.Column("days", sa.Integer, server_default="1", nullable=False))
        shown.add_column(sa.Column("last_day", sa.Date))


def downgrade() -> None:
    with op.batch_alter_table("shown") as shown:
        shown.drop_column("last_day")
        shown.drop_column("days")
