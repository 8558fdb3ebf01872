"""Migrations beside requests: wait for tables in such a way that no request fails.

Requests read and write tables in any order, and keep each locked until they end. Where a migration
waits for a request that waits for the migration, the database fails one of the two.

PostgreSQL keeps the tables of a migration locked until its end: all are locked at its beginning.
MariaDB releases a table after each statement, but lets nobody write to a table that a statement
waits for, not even who has read it: statements do not wait, they are repeated. MySQL cannot do so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic.runtime.migration import RevisionStep
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import OperationalError

from app.db.retry import is_timeout

# Seconds until a migration gives up because something, such as a backup, reads its tables.
PATIENCE = 300.0
# Seconds in which requests pass between two attempts, each of which may delay them.
PAUSE = 0.5
# The same for a statement of MariaDB, whose attempts delay nobody.
SHORT_PAUSE = 0.02
MARIADB_LOCK_WAIT_TIMEOUT = 1205

Steps = Callable[..., Iterable[Any]]


class TablesInUse(Exception):
    """A migration found no moment in which nobody used its tables."""

    def __init__(self, tables: str, seconds: float):
        super().__init__(
            f"for {seconds:.0f} seconds something used the tables {tables}, such as a backup;"
            " run the command again when it has ended"
        )


def with_locks(steps: Steps, connection: Connection) -> Steps:
    """Return Alembic's function of steps, each of which locks its tables before it runs."""

    def locked(*args: Any) -> Iterable[Any]:
        for step in steps(*args):
            if isinstance(step, RevisionStep):
                run = partial(_run_locked, step.migration_fn, connection, Path(step.revision.path))
                step.migration_fn = run
            yield step

    return locked


def _run_locked(run: Callable[..., None], connection: Connection, file: Path, **more: Any) -> None:
    lock(connection, tables_of(connection, file.read_text("utf-8")))
    run(**more)


def tables_of(connection: Connection, source: str) -> list[str]:
    """Return the existing tables that a migration names: those it changes, refers to, or drops."""
    words = set(re.findall(r"\w+", source))
    return sorted(words & set(inspect(connection).get_table_names()))


def lock(connection: Connection, tables: Collection[str], patience: float = PATIENCE) -> None:
    """Lock tables until the transaction ends; raise TablesInUse if they do not become free.

    A request that waits for a table looks for a deadlock once, after ``deadlock_timeout``. To be
    gone by then, give all locks back after half of that, let requests pass, and try again.
    """
    if not tables:
        return
    names = ", ".join(map(connection.dialect.identifier_preparer.quote, tables))
    timeout = text("SELECT setting::integer FROM pg_settings WHERE name = 'deadlock_timeout'")
    limit = max(1, connection.scalars(timeout).one() // 2)
    deadline = time.monotonic() + patience
    while True:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {limit}")
                connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
                connection.exec_driver_sql("SET LOCAL statement_timeout TO DEFAULT")
            return
        except OperationalError as error:
            if not is_timeout(error):
                raise
        if time.monotonic() > deadline:
            raise TablesInUse(names, patience)
        time.sleep(PAUSE)


@contextmanager
def repeated(connection: Connection) -> Iterator[None]:
    """Repeat statements on MariaDB until their tables are free, without waiting in the server.

    Detaches the connection from the pool, as nobody else is to have its setting.
    """
    connection.detach()
    connection.exec_driver_sql("SET SESSION lock_wait_timeout = 0")
    connection.commit()
    engine = connection.engine
    repeat = partial(_repeat, engine.dialect.loaded_dbapi.OperationalError)
    event.listen(engine, "do_execute", repeat)
    try:
        yield
    finally:
        event.remove(engine, "do_execute", repeat)


def _repeat(problem: type[Exception], cursor: Any, statement: str, values: Any, _: Any) -> bool:
    """Execute in place of SQLAlchemy; return True, which says so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute(statement, values)
            return True
        except problem as error:
            if error.args[0] != MARIADB_LOCK_WAIT_TIMEOUT:
                raise
        if time.monotonic() > deadline:
            raise TablesInUse(f"of “{' '.join(statement.split())}”", PATIENCE)
        time.sleep(SHORT_PAUSE)
