"""facts of a catalogue's own, such as price and format: what each item says, as JSON"""

import sqlalchemy as sa
from alembic import op

revision = "d7b31a9c40e5"
down_revision = "c41d7f8e2b60"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("items") as items:
        items.add_column(sa.Column("facts", sa.Text))


def downgrade() -> None:
    with op.batch_alter_table("items") as items:
        items.drop_column("facts")
