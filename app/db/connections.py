"""Set up connections to the database, and check them before they are used again."""

from __future__ import annotations

import socket
from functools import partial
from time import monotonic
from typing import Any

from flask import Flask
from sqlalchemy import Dialect, event
from sqlalchemy.exc import InvalidatePoolError

from app.extensions import db
from config import SILENCE_SECONDS

# Connections idle for longer are checked before use; no database restarts within this time.
IDLE_SECONDS = 0.5
# SQLite busy timeout. Syncing a large catalogue holds the write lock this long.
WRITE_SECONDS = 30


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
