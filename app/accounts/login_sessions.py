"""Login sessions: each has a random name, and expires together with all copies of its cookies.

The id that Flask-Login stores, in the session and in the remember-me cookie, is signed and reads
``session key of the account . name of the login . when it began``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import g, session
from flask_login import login_required, logout_user
from sqlalchemy import bindparam, delete, exists, select

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db, login_manager
from app.models import EndedLogin, User
from config import LOGIN_DAYS

GOOD_FOR = timedelta(days=LOGIN_DAYS)
# Built once: building takes longer than running.
_ENDED = exists().where(EndedLogin.name == bindparam("name"))
_OF_LOGIN = select(User).where(User.session_key == bindparam("key"), ~_ENDED)


@login_manager.user_loader
def user_of(login_id: str) -> User | None:
    """Load the user of a Flask-Login id; return None if the login is forged, expired or ended."""
    key, _, rest = login_id.partition(".")
    name, _, began = rest.partition(".")
    user = None
    if began.isdecimal() and datetime.fromtimestamp(int(began), UTC) > utcnow() - GOOD_FOR:
        user = db.session.scalar(_OF_LOGIN, {"key": key, "name": name})
    g.user_id = user.id if user else None  # for the log
    return user


@login_required
def require_login() -> None:
    """Send guests to the login page; for ``before_request`` of a private blueprint."""


def is_account_gone() -> bool:
    """Return whether the session is of a login that has ended or whose account was deleted."""
    login_id = session.get("_user_id")
    return login_id is not None and user_of(login_id) is None


def act_as_guest() -> None:
    """Answer the rest of this request as to a guest, without loading the user from the database.

    Flask-Login 0.6.3 has no public way; it caches the user of a request in ``_login_user``.
    """
    g._login_user = login_manager.anonymous_user()


def end() -> None:
    """End the login of this request, if there is one, and clear its session."""
    _, _, rest = session.get("_user_id", "").partition(".")
    if name := rest.partition(".")[0]:
        _note_end(name)
    session.clear()
    logout_user()


@retry_on_conflict
def _note_end(name: str) -> None:
    """Store that a login has ended, and delete the records of logins that have expired."""
    now = utcnow()
    db.session.execute(delete(EndedLogin).where(EndedLogin.ended_at < now - GOOD_FOR))
    upsert(EndedLogin, [{"name": name, "ended_at": now}], keep=["ended_at"])
    db.session.commit()
