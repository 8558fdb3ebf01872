"""Accounts: signing up, recognising who comes back, new passwords, and leaving."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from datetime import timedelta

from flask import current_app, g, render_template
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from app import mail
from app.clock import utcnow
from app.extensions import db, login_manager
from app.models import SiteState, User
from app.transactions import done_anew

# Checked when no account matches, so that the answer takes as long as for a wrong password.
_NOBODY = generate_password_hash("nobody has this password", method="scrypt")
# Of the accounts that gave one address, so many are tried at a login; the oldest first.
_MOST_OF_AN_ADDRESS = 3
RESET_WITHIN = timedelta(hours=1)
RESET_PAUSE = timedelta(minutes=2)


def register(username: str, email: str, password: str) -> User | None:
    """A new account, or None where the name is taken.

    An address may be given by several accounts: were it refused, the answer would tell who is
    registered here.
    """
    user = User(username=username, username_key=fold(username), email=fold(email))
    user.set_password(password)
    user.id = _next_user_id()
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return None
    return user


def add_person(gender: str | None, year_of_birth: int | None) -> User:
    """Someone known by id alone, without a login."""
    user = User(id=_next_user_id(), gender=gender, year_of_birth=year_of_birth)
    db.session.add(user)
    db.session.commit()
    return user


def recognise(name: str, password: str) -> User | None:
    """The account with this name or address, if the password is its own."""
    folded = fold(name)
    users = db.session.scalars(
        select(User)
        .where(or_(User.username_key == folded, User.email == folded))
        .order_by(User.id)
        .limit(_MOST_OF_AN_ADDRESS)
    ).all()
    if not users:
        check_password_hash(_NOBODY, password)
    return next((user for user in users if user.has_password(password)), None)


def named(name: str) -> User | None:
    """The account of this name."""
    return db.session.scalar(select(User).where(User.username_key == fold(name)))


def change_password(user: User, password: str) -> None:
    """Every session of the account and every reset link ends."""
    user.set_password(password)
    db.session.commit()


def mail_reset_links(email: str) -> None:
    """Mail a link to a new password for each account of this address, if there is any."""
    now = utcnow()
    users = db.session.scalars(select(User).where(User.email == fold(email)).limit(10)).all()
    due = [u for u in users if not u.reset_asked_at or u.reset_asked_at < now - RESET_PAUSE]
    if not due:
        return
    site = current_app.config["SITE_URL"]
    links = [(user.username, f"{site}/reset/{reset_token(user)}") for user in due]
    text = render_template("base/reset_mail.txt", links=links)
    for user in due:
        user.reset_asked_at = now
    db.session.commit()
    mail.send(email.strip(), "A new password for Marquee", text)


def reset_token(user: User) -> str:
    """Good for one hour and one use: it is bound to the password that it replaces."""
    return _signer().dumps([user.id, _seal(user)])


def user_of_token(token: str) -> User | None:
    """Whose new password this token allows; None where it is forged, used, or too old."""
    try:
        user_id, seal = _signer().loads(token, max_age=int(RESET_WITHIN.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return None
    user = db.session.get(User, user_id)
    return user if user and hmac.compare_digest(_seal(user), str(seal)) else None


@done_anew
def delete_account(user: User) -> None:
    """Nothing of the person is left: what belongs to them goes with their row, by constraint."""
    db.session.execute(delete(User).where(User.id == user.id))
    db.session.commit()


@login_manager.user_loader
def user_of_session(session_key: str) -> User | None:
    user = db.session.scalar(select(User).where(User.session_key == session_key))
    g.user_id = user.id if user else None  # for the log
    return user


def _next_user_id() -> int:
    """An id above those of the data set and never given before; locks the row till the commit."""
    db.session.execute(update(SiteState).values(last_user_id=SiteState.last_user_id + 1))
    return db.session.execute(select(SiteState.last_user_id)).scalar_one()


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="new password")


def _seal(user: User) -> str:
    """Changes with the password; tells nothing of it."""
    return hashlib.sha256(f"{user.session_key}{user.password_hash}".encode()).hexdigest()[:32]


def fold(text: str) -> str:
    """Names and addresses are the same where this is. It may be longer than ``text``.

    PostgreSQL takes no NUL; what stands in its place is in no name and no address.
    """
    return unicodedata.normalize("NFKC", text).strip().casefold().replace("\0", "\ufffd")
