"""Extensions, made unbound here and bound in the factory."""

from __future__ import annotations

import socket
import sqlite3
from typing import Any

from flask_bootstrap import Bootstrap5
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import Engine, MetaData, event
from sqlalchemy.orm import DeclarativeBase

from app import counters  # noqa: F401 - brings the storages that Flask-Limiter finds by address
from app.serving import Serving
from config import SILENCE_SECONDS, WRITE_SECONDS


class Base(DeclarativeBase):
    """Every constraint has a name, so that migrations can change it on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Logins(LoginManager):
    """Flask-Login compares signatures as text, which Python does for ASCII alone."""

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        return super()._load_user_from_remember_cookie(cookie) if cookie.isascii() else None


db = SQLAlchemy(model_class=Base)
migrate = Migrate(render_as_batch=True)
login_manager = Logins()
csrf = CSRFProtect()
bootstrap = Bootstrap5()
serving = Serving()
limiter = Limiter(get_remote_address, headers_enabled=True)


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers do not wait for the writer, writers wait for each other, foreign keys hold, and the
    pages of an index that is written all over stay in memory."""
    if isinstance(connection, sqlite3.Connection):
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={WRITE_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16384")  # KiB
        cursor.close()


@event.listens_for(Engine, "connect")
def _set_up_mysql(connection: Any, _record: Any) -> None:
    """What PyMySQL has no settings for: a query may take long once the connection stands, and the
    kernel gives up on a host that is gone, as PostgreSQL's driver asks it to."""
    if type(connection).__module__.startswith("pymysql"):
        connection._read_timeout = None
        for option, value in (
            ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
            ("TCP_KEEPIDLE", SILENCE_SECONDS),
            ("TCP_KEEPINTVL", SILENCE_SECONDS),
            ("TCP_KEEPCNT", 1),
        ):
            if hasattr(socket, option):  # as on Linux
                connection._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
