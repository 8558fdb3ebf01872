"""running times of titles"""

import sqlalchemy as sa
from alembic import op

revision = "e92a4bd6130f"
down_revision = "b3d17c58e04a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("items") as items:
        items.add_column(sa.Column("minutes", sa.Integer))


def downgrade() -> None:
    with op.batch_alter_table("items") as items:
        items.drop_column("minutes")
