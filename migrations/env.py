"""How Alembic reaches the site's database: through the application's own engine."""

from contextlib import nullcontext

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import OperationalError

from app.db.migration_locks import TablesInUse, repeated, with_locks
from app.db.problems import problem_of
from app.extensions import db


def migrate() -> None:
    """Run the migrations, or what else the command does with them, on the application's engine."""
    options = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # SQLite changes a table by copying and dropping it; what refers to its rows must stay.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        if connection.dialect.name in ("mysql", "mariadb"):
            # Left to themselves, some store neither emoji nor two names that differ by an accent.
            connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            connection.commit()
        # Each in a transaction of its own: locks are held for no longer than one migration takes.
        options = {**options, "transaction_per_migration": True}
        context.configure(connection=connection, target_metadata=db.metadata, **options)
        if connection.dialect.name == "postgresql":
            options["fn"] = with_locks(context.get_context().opts["fn"], connection)
            context.configure(connection=connection, target_metadata=db.metadata, **options)
        is_mariadb = getattr(connection.dialect, "is_mariadb", False)
        with repeated(connection) if is_mariadb else nullcontext(), context.begin_transaction():
            context.run_migrations()


assert not context.is_offline_mode(), "migrations need the database: run `flask db upgrade`"

try:
    migrate()
except OperationalError as error:
    if error.statement is not None and not error.connection_invalidated:
        raise  # a migration is wrong
    raise CommandError(str(problem_of(error))) from error
except TablesInUse as error:
    raise CommandError(str(error)) from error
except CommandError as error:
    if "not up to date" in str(error):  # of `flask db check`
        raise CommandError(f"{str(error).rstrip('.')}; run `flask db upgrade`") from error
    raise
