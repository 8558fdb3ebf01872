"""Connections to the database: how each is set up, and that it still stands when it is used."""

from __future__ import annotations

import socket
from functools import partial
from time import monotonic
from typing import Any

from flask import Flask
from sqlalchemy import Dialect, event
from sqlalchemy.exc import InvalidatePoolError

from app.extensions import db
from config import SILENCE_SECONDS, WRITE_SECONDS

# A database takes longer to come back than a connection lies idle that is used without a question.
IDLE_SECONDS = 0.5


def init_app(app: Flask) -> None:
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        return
    if engine.dialect.name == "mysql":
        event.listen(engine, "connect", _set_up_mysql)
    event.listen(engine, "checkin", _note_the_time)
    event.listen(engine, "checkout", partial(_see_whether_it_stands, engine.dialect))


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers do not wait for the writer, writers wait for each other, foreign keys hold, and the
    pages of an index that is written all over stay in memory."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA busy_timeout={WRITE_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16384")  # KiB
    cursor.close()


def _set_up_mysql(connection: Any, _record: Any) -> None:
    """What PyMySQL has no settings for: a query may take long once the connection stands, and the
    kernel gives up on a host that is gone, as PostgreSQL's driver asks it to."""
    connection._read_timeout = None
    for option, value in (
        ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
        ("TCP_KEEPIDLE", SILENCE_SECONDS),
        ("TCP_KEEPINTVL", SILENCE_SECONDS),
        ("TCP_KEEPCNT", 1),
    ):
        if hasattr(socket, option):  # as on Linux
            connection._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _note_the_time(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = monotonic()


def _see_whether_it_stands(dialect: Dialect, connection: Any, record: Any, _proxy: Any) -> None:
    """As SQLAlchemy's ``pool_pre_ping``, but only where the connection lay idle: else the question
    costs a request more than its fold-in. Raises InvalidatePoolError, upon which a new one is made.
    """
    since = record.info.get("idle_since")  # not of one that is new
    if since is None or monotonic() - since < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError(str(error)) from error
