"""what people set aside, what they were shown, when they came, what they brought, with whom"""

import sqlalchemy as sa
from alembic import op

from app.models import UtcDateTime

revision = "a93c5d0be214"
down_revision = "f11ffe288c71"
branch_labels = None
depends_on = None


def person(table: str, column: str = "user_id") -> sa.ForeignKeyConstraint:
    """What belongs to a person goes with them."""
    return sa.ForeignKeyConstraint(
        [column], ["users.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def title(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=f"fk_{table}_item_id")


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_constraint("uq_users_email", type_="unique")
        users.create_index("ix_users_email", ["email"])
        users.add_column(sa.Column("role", sa.String(16), server_default="person", nullable=False))
        users.add_column(sa.Column("reset_asked_at", UtcDateTime))
    with op.batch_alter_table("items") as items:
        items.add_column(sa.Column("poster_path", sa.String(64)))
    with op.batch_alter_table("ratings") as ratings:
        ratings.add_column(sa.Column("predicted", sa.Double))
        ratings.add_column(sa.Column("community", sa.Double))
        ratings.add_column(sa.Column("model_version", sa.String(64)))
        ratings.add_column(sa.Column("via", sa.String(16)))
    op.create_table(
        "marks",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("marked_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "kind", "item_id", name="pk_marks"),
        person("marks"),
        title("marks"),
    )
    op.create_index("ix_marks_item_id", "marks", ["item_id"])
    op.create_table(
        "shown",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("shown_at", UtcDateTime, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "item_id", name="pk_shown"),
        person("shown"),
        title("shown"),
    )
    op.create_index("ix_shown_item_id", "shown", ["item_id"])
    op.create_table(
        "visits",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", name="pk_visits"),
        person("visits"),
    )
    op.create_index("ix_visits_day", "visits", ["day"])
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("imported_at", UtcDateTime, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        person("imports"),
    )
    op.create_index("ix_imports_user_id", "imports", ["user_id"])
    op.create_table(
        "companions",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("asked_id", sa.Integer, nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("agreed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("user_id", "asked_id", name="pk_companions"),
        person("companions"),
        person("companions", "asked_id"),
    )
    op.create_index("ix_companions_asked_id", "companions", ["asked_id"])


def downgrade() -> None:
    # Of several accounts with one address, the oldest keeps it.
    op.execute(
        "UPDATE users SET email = NULL WHERE id NOT IN"
        " (SELECT id FROM (SELECT MIN(id) AS id FROM users GROUP BY email) AS oldest)"
    )
    for table in ("companions", "imports", "visits", "shown", "marks"):
        op.drop_table(table)
    with op.batch_alter_table("ratings") as ratings:
        for column in ("via", "model_version", "community", "predicted"):
            ratings.drop_column(column)
    with op.batch_alter_table("items") as items:
        items.drop_column("poster_path")
    with op.batch_alter_table("users") as users:
        users.drop_column("reset_asked_at")
        users.drop_column("role")
        users.drop_index("ix_users_email")
        users.create_unique_constraint("uq_users_email", ["email"])
