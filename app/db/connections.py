"""Set up connections to the database, and check them before they are used again.

Statements of requests end after ``STATEMENT_SECONDS``. Those of commands and of threads in the
background, such as statistics of all ratings, may run for longer.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from math import ceil
from time import monotonic
from typing import Any
from weakref import WeakSet

from flask import Flask, has_request_context
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError

from app.extensions import db
from config import CONNECT_SECONDS, SILENCE_SECONDS

# Connections idle for longer are checked before use; no database restarts within this time.
IDLE_SECONDS = 0.5
# SQLite busy timeout. Syncing a large catalogue holds the write lock this long.
WRITE_SECONDS = 30


_engines: WeakSet[Engine] = WeakSet()


def _leave_to_parent() -> None:
    """Open connections anew in a forked process: one used by two, above all by TLS, breaks."""
    for engine in _engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_to_parent)


def init_app(app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        return
    if engine.dialect.name in ("mysql", "mariadb"):
        event.listen(engine, "connect", _set_up_mysql)
    event.listen(engine, "checkin", _note_checkin)
    event.listen(engine, "checkout", partial(_ping_if_idle, engine.dialect))
    seconds = app.config["STATEMENT_SECONDS"]
    event.listen(engine, "checkout", partial(_limit_statements, engine.dialect, seconds))
    _engines.add(engine)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Let readers run beside the writer and writers wait for each other; enforce foreign keys.

    The cache holds the pages of an index that is written in random order.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA busy_timeout={WRITE_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16384")  # KiB
    cursor.close()


def _set_up_mysql(connection: Any, _record: Any) -> None:
    """Lift the read timeout, which is for connecting alone, and have the kernel drop dead peers.

    Sets private attributes, since PyMySQL 1.2.4 has no settings for either.
    """
    connection._read_timeout = None
    for option, value in (
        ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
        ("TCP_KEEPIDLE", SILENCE_SECONDS),
        ("TCP_KEEPINTVL", SILENCE_SECONDS),
        ("TCP_KEEPCNT", 1),
    ):
        if hasattr(socket, option):  # as on Linux
            connection._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _note_checkin(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = monotonic()


def _ping_if_idle(dialect: Dialect, connection: Any, record: Any, _proxy: Any) -> None:
    """Ping as SQLAlchemy's ``pool_pre_ping`` does, but only a connection that was idle.

    A ping at each request would cost more than its fold-in. InvalidatePoolError makes the pool open
    a new connection.
    """
    since = record.info.get("idle_since")  # None if the connection is new
    if since is None or monotonic() - since < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError(str(error)) from error


def _limit_statements(
    dialect: Dialect, seconds: float, connection: Any, record: Any, _proxy: Any
) -> None:
    """Set the server's limit for a statement, if the last user of the connection had another."""
    limit = seconds if has_request_context() else 0.0
    if record.info.get("statement_seconds", 0.0) == limit:
        return
    try:
        with connection.cursor() as cursor:
            for statement in _limits(dialect, limit):
                cursor.execute(statement)
        connection.commit()  # a SET of PostgreSQL is undone with its transaction
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError(str(error)) from error
    if dialect.name in ("mysql", "mariadb"):
        # A server that hangs, which cannot end a statement itself.
        connection._read_timeout = limit + CONNECT_SECONDS if limit else None
    record.info["statement_seconds"] = limit


def _limits(dialect: Any, seconds: float) -> list[str]:
    """Return the statements that set the limit; 0 lifts it."""
    milliseconds = ceil(seconds * 1000)
    if dialect.name == "postgresql":
        return [f"SET statement_timeout = {milliseconds}"]
    waits = f"SET SESSION innodb_lock_wait_timeout = {ceil(seconds) or 'DEFAULT'}"
    if dialect.is_mariadb:
        return [f"SET SESSION max_statement_time = {seconds:.3f}", waits]
    return [f"SET SESSION max_execution_time = {milliseconds}", waits]  # of SELECT alone
