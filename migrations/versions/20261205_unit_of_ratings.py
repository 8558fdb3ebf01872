"""what the ratings in the database are counted in"""

import sqlalchemy as sa
from alembic import op

revision = "7b3e90d5a1f4"
down_revision = "8f3b6a0d57e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("site_state") as state:
        state.add_column(sa.Column("rating_unit", sa.String(64)))


def downgrade() -> None:
    with op.batch_alter_table("site_state") as state:
        state.drop_column("rating_unit")
