"""what a catalogue of one's own says of its items and users: keys, creators, pictures, links"""

import sqlalchemy as sa
from alembic import op

revision = "c41d7f8e2b60"
down_revision = "5e0c7d19b2a8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("items") as items:
        items.add_column(sa.Column("key", sa.String(255)))
        items.add_column(sa.Column("creators", sa.String(255), server_default="", nullable=False))
        items.add_column(sa.Column("image", sa.Text))
        items.add_column(sa.Column("link", sa.Text))
        items.add_column(
            sa.Column("available", sa.Boolean, server_default=sa.true(), nullable=False)
        )
        items.create_unique_constraint("uq_items_key", ["key"])
        # Finds the few that are not available.
        items.create_index("ix_items_available", ["available"])
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("key", sa.String(255)))
        users.create_unique_constraint("uq_users_key", ["key"])
    with op.batch_alter_table("catalogue_state") as state:
        state.add_column(sa.Column("edition", sa.Integer, server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("catalogue_state") as state:
        state.drop_column("edition")
    with op.batch_alter_table("users") as users:
        users.drop_constraint("uq_users_key", type_="unique")
        users.drop_column("key")
    with op.batch_alter_table("items") as items:
        items.drop_index("ix_items_available")
        items.drop_constraint("uq_items_key", type_="unique")
        for column in ("available", "link", "image", "creators", "key"):
            items.drop_column(column)
