"""Migrations while requests read and write the tables that they change."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, create_engine, event, text

import config
from app import create_app
from app.db import migration_locks
from app.db.migration_locks import TablesInUse, lock
from app.extensions import db
from tests.support.databases import Server
from tests.support.servers import wait_until
from tests.support.site import settings

# A migration that changes catalogue_state, items and users, and the one before it.
KEYS, BEFORE_KEYS = "c41d7f8e2b60", "5e0c7d19b2a8"
# Locks with which no other transaction can write.
STRONG = "'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'"


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def site(kind: str, tmp_path: Path, servers: Callable[[str], Server]) -> Iterator[Flask]:
    url = servers(kind).new_database()
    app = create_app(settings(url, tmp_path))
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def request_in_progress(site: Flask) -> Iterator[Connection]:
    """A transaction beside the migration, on a connection that the migration does not share."""
    engine = create_engine(config.with_driver(site.config["DATABASE_URL"]))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rows_of(connection: Connection, table: str) -> list[Any]:
    return list(connection.execute(text(f"SELECT 1 FROM {table}")))


def to(app: Flask, revision: str, migration: Callable[..., None] = upgrade) -> None:
    with app.app_context():
        migration(revision=revision)


def is_waiting() -> bool:
    """Return whether a transaction of this database waits for a table."""
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
    with db.engine.connect() as connection:
        return bool(connection.execute(text(waits)).all())


@pytest.mark.parametrize(
    ("start", "goal", "migration", "read_first", "read_next"),
    [
        (BEFORE_KEYS, KEYS, upgrade, "users", "items"),
        (KEYS, BEFORE_KEYS, downgrade, "items", "catalogue_state"),
    ],
    ids=["up", "down"],
)
def test_migration_never_deadlocks_with_a_request_that_reads_its_tables_in_another_order(
    site: Flask,
    request_in_progress: Connection,
    start: str,
    goal: str,
    migration: Callable[..., None],
    read_first: str,
    read_next: str,
) -> None:
    to(site, start)
    rows_of(request_in_progress, read_first)
    with ThreadPoolExecutor(1) as beside:
        migrated = beside.submit(to, site, goal, migration)
        wait_until(is_waiting)
        rows_of(request_in_progress, read_next)
        request_in_progress.commit()
        migrated.result()


class Transactions:
    """Watch the locks of transactions, and collect those not taken by LOCK TABLE beforehand."""

    def __init__(self) -> None:
        self.unforeseen: list[set[str]] = []
        self.foreseen: set[str] = set()
        self._existing: dict[int, str] = {}
        self._locked: set[str] = set()
        event.listen(db.engine, "begin", self._begin)
        event.listen(db.engine, "before_cursor_execute", self._note_lock)
        event.listen(db.engine, "commit", self._compare)

    def _begin(self, connection: Connection) -> None:
        tables = (
            "SELECT oid, relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        self._locked = {"alembic_version"}  # which no request locks
        self._existing = dict(self._read(connection, tables))

    def _note_lock(self, _connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if found := re.fullmatch("LOCK TABLE (.+) IN ACCESS EXCLUSIVE MODE", statement):
            self._locked |= set(found[1].split(", "))

    def _compare(self, connection: Connection) -> None:
        held = self._read(
            connection,
            "SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND granted"
            f" AND mode IN ({STRONG})",
        )
        tables = {self._existing[row[0]] for row in held if row[0] in self._existing}
        self.foreseen |= tables & self._locked
        if tables - self._locked:
            self.unforeseen.append(tables - self._locked)

    @staticmethod
    def _read(connection: Connection, query: str) -> list[Any]:
        with connection.connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


def test_every_migration_locks_its_tables_before_its_first_statement(site: Flask) -> None:
    transactions = Transactions()
    to(site, "head")
    to(site, "base", downgrade)
    assert transactions.unforeseen == []
    assert {"users", "items", "ratings", "companions"} <= transactions.foreseen


def test_lock_gives_all_tables_back_while_one_is_in_use(
    site: Flask, request_in_progress: Connection
) -> None:
    to(site, "head")
    rows_of(request_in_progress, "users")
    with (
        db.engine.connect() as connection,
        pytest.raises(TablesInUse, match="used the tables items, users"),
    ):
        lock(connection, ["items", "users"], patience=0.0)
    rows_of(request_in_progress, "items")


def test_lock_keeps_the_tables_until_the_transaction_ends(
    site: Flask, request_in_progress: Connection
) -> None:
    to(site, "head")
    request_in_progress.execute(text("SET lock_timeout = '10ms'"))
    with db.engine.connect() as connection:
        lock(connection, ["items", "users"])
        with pytest.raises(Exception, match="lock timeout"):
            rows_of(request_in_progress, "users")
        request_in_progress.rollback()
        unlimited = connection.scalar(text("SHOW statement_timeout"))
    assert unlimited == "0"
    assert rows_of(request_in_progress, "users") == []


def altered_tables() -> int:
    """Return how many statements have begun to change a table of MariaDB."""
    with db.engine.connect() as connection:
        status = connection.execute(text("SHOW GLOBAL STATUS LIKE 'Com_alter_table'")).one()
    return int(status[1])


@pytest.mark.parametrize("kind", ["mariadb"])
def test_request_writes_to_a_table_that_it_read_while_a_migration_of_mariadb_needs_it(
    site: Flask, request_in_progress: Connection
) -> None:
    to(site, BEFORE_KEYS)
    before = altered_tables()
    rows_of(request_in_progress, "items")
    with ThreadPoolExecutor(1) as beside:
        migrated = beside.submit(to, site, KEYS)
        wait_until(lambda: altered_tables() > before)
        time.sleep(0.2)  # until a statement that waits would do so
        request_in_progress.execute(text("UPDATE items SET title = 'B'"))
        request_in_progress.commit()
        migrated.result()


@pytest.mark.parametrize("kind", ["mariadb"])
def test_migration_of_mariadb_gives_up_in_the_end(
    site: Flask, request_in_progress: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    to(site, BEFORE_KEYS)
    rows_of(request_in_progress, "items")
    monkeypatch.setattr(migration_locks, "PATIENCE", 0.0)
    with pytest.raises(SystemExit):
        to(site, KEYS)
    request_in_progress.commit()
    to(site, KEYS)
