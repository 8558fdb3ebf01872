"""Accounts: signing up, recognising who comes back, new passwords, and leaving."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from flask import current_app, render_template
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from app import attempts, devices, mail
from app.clock import utcnow
from app.extensions import db
from app.models import SiteState, User
from app.transactions import done_anew

# Checked when no account matches, so that the answer takes as long as for a wrong password.
_NOBODY = generate_password_hash("nobody has this password", method="scrypt")
# Of the accounts that gave one address, so many are tried at a login; the oldest first.
_MOST_OF_AN_ADDRESS = 3
RESET_WITHIN = timedelta(hours=1)
RESET_PAUSE = timedelta(minutes=2)
T = TypeVar("T")


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
    """The account with this name or address, if the password is its own.

    A wrong one takes as long whether there is such an account or not, and by address as long as
    several accounts that gave it.
    """
    users = called(name)
    found = next((user for user in users if user.has_password(password)), None)
    if found is None:
        for _ in range(len(users), _MOST_OF_AN_ADDRESS if "@" in name else 1):
            check_password_hash(_NOBODY, password)
    return found


def called(name: str) -> Sequence[User]:
    """Whom the name or address may mean, the oldest first."""
    folded = fold(name)
    return db.session.scalars(
        select(User)
        .where(or_(User.username_key == folded, User.email == folded))
        .order_by(User.id)
        .limit(_MOST_OF_AN_ADDRESS)
    ).all()


def try_to_log_in(name: str, password: str) -> User | None:
    """``recognise``, but no more often than guesses are allowed. Raises TooManyRequests.

    Counted are the device, where the account is known on it, else the name; and the address.
    """
    device = devices.known_as()
    if device and device[0] in [user.id for user in called(name)]:
        whose = f"device {device[1]}"
    else:
        whose = f"name {fold(name)}"
    return _limited(whose, lambda: recognise(name, password))


def is_present_password(user: User, password: str) -> bool:
    """Of someone logged in. Raises TooManyRequests as ``try_to_log_in`` does."""
    return _limited(f"user {user.id}", lambda: user.has_password(password))


def _limited(whose: str, check: Callable[[], T]) -> T:
    tries = attempts.begin(
        (attempts.PASSWORDS, whose), (attempts.PASSWORDS_ADDRESS, attempts.caller())
    )
    if passed := check():
        attempts.take_back(tries)
    return passed


def named(name: str) -> User | None:
    """The account of this name."""
    return db.session.scalar(select(User).where(User.username_key == fold(name)))


def change_password(user: User, password: str) -> None:
    """Every session of the account and every reset link ends."""
    user.set_password(password)
    db.session.commit()


def use_reset_link(user: User, password: str) -> bool:
    """A new password by the link that ``user_of_token`` found them by; False where someone was
    quicker to use it."""
    new = User()
    new.set_password(password)
    unused = update(User).where(User.id == user.id, User.session_key == user.session_key)
    changed = unused.values(password_hash=new.password_hash, session_key=new.session_key)
    done = cast("CursorResult[Any]", db.session.execute(changed))
    db.session.commit()
    return bool(done.rowcount)


def mail_reset_links(email: str) -> None:
    """Mail a link to a new password for each account of this address, if there is any.

    Raises TooManyRequests, whoever is registered.
    """
    attempts.begin((attempts.LETTERS, fold(email)), (attempts.LETTERS_ADDRESS, attempts.caller()))
    now = utcnow()
    users = db.session.scalars(select(User).where(User.email == fold(email)).limit(10)).all()
    # Asked in the future: the clock was set back since.
    pause = [u for u in users if u.reset_asked_at and now - RESET_PAUSE <= u.reset_asked_at <= now]
    due = [user for user in users if user not in pause]
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
