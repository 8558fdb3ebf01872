"""Lock the tables of a migration before its first statement, so that it deadlocks with no request.

Requests read tables in any order, and keep each locked until they end. A migration of PostgreSQL
that changed one table and then waited for the next would wait for a request that waits for it: the
database would fail one of the two. MariaDB and MySQL release a table after each statement.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from alembic.runtime.migration import RevisionStep
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from app.db.retry import is_timeout

# Seconds until a migration gives up because something, such as a backup, reads its tables.
PATIENCE = 300.0
PAUSE = 0.5

Steps = Callable[..., Iterable[Any]]


class TablesInUse(Exception):
    """A migration found no moment in which nobody used its tables."""


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
    half = text("SELECT setting::integer / 2 FROM pg_settings WHERE name = 'deadlock_timeout'")
    limit = connection.scalar(half)
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
            raise TablesInUse(
                f"for {patience:.0f} seconds something used the tables {names}, such as a backup;"
                " run the command again when it has ended"
            )
        time.sleep(random.uniform(PAUSE / 2, PAUSE))
