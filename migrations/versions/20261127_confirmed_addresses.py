"""when an account's address was confirmed"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "3c9e51ab7d04"
down_revision = "7b20f4d9c6e1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("email_confirmed_at", UtcDateTime))
    # Without it nobody could log in by their address or reset a password after the upgrade. Of an
    # address that several accounts carry nobody knows whose it is.
    op.execute(
        "UPDATE users SET email_confirmed_at = created_at WHERE id IN"
        " (SELECT id FROM (SELECT MIN(id) AS id FROM users WHERE email IS NOT NULL"
        " GROUP BY email HAVING COUNT(*) = 1) AS sole)"
    )


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_column("email_confirmed_at")
