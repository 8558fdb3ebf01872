"""Says in one line why the database cannot be used, and what to do about it."""

from __future__ import annotations

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.extensions import db
from config import ROOT


def problem_of(error: DBAPIError | PoolTimeout) -> str | None:
    """Return why a statement failed, with the remedy; None if the statement itself is wrong."""
    reason = " ".join(str(getattr(error, "orig", error)).split())
    try:
        with db.engine.connect() as connection:
            heads = MigrationContext.configure(connection).get_current_heads()
    except SQLAlchemyError:
        return (
            f"the database is unreachable ({reason}); start it, or correct DATABASE_URL"
            " (docs/databases.md)"
        )
    if heads != tuple(ScriptDirectory(str(ROOT / "migrations")).get_heads()):
        return "the database lacks tables or columns of this version; run `flask db upgrade`"
    if isinstance(error, OperationalError | PoolTimeout):
        return f"the database failed ({reason}); run the command again"
    return None
