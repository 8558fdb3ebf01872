"""Accounts: sign up, log in, change and reset passwords, confirm addresses, delete."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from flask import current_app, render_template
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from app.accounts import api_tokens, login_throttle, mail, trusted_devices
from app.accounts.identifiers import LONGEST, fold, unique_key
from app.db.clock import is_recent, utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import SiteState, User, hashing
from app.observability import timing

# Checked if no account matches, so that the answer takes as long as for a wrong password.
_NOBODY = generate_password_hash("nobody has this password", method="scrypt")
# Accounts tried at a login by address, and named in a mail with reset links.
_MOST_OF_AN_ADDRESS, _MOST_IN_A_LETTER = 3, 10
CONFIRM_WITHIN = timedelta(days=7)
RESET_WITHIN = timedelta(hours=1)
RESET_PAUSE = timedelta(minutes=2)
# Minimum time of an answer, so that it does not reveal who is registered.
RESET_SECONDS = 0.1
# Salts, so that tokens of one kind are invalid as the other.
_CONFIRMATION, _RESET = "confirmed address", "new password"
T = TypeVar("T")


def register(username: str, email: str, password: str) -> User | None:
    """Create an account; return None if the name is taken.

    Several accounts may have one address, since rejecting it would reveal who is registered.
    """
    # The key alone is not enough: accounts from before ``unique_key`` have another one.
    if named(username) is not None:
        return None
    user = User(username=username, username_key=unique_key(username), email=fold(email))
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
    """Create a user without a login, for the REST API."""
    user = User(id=_next_user_id(), gender=gender, year_of_birth=year_of_birth)
    db.session.add(user)
    db.session.commit()
    return user


def recognise(name: str, password: str) -> User | None:
    """Return the account with this name or address if the password is right.

    A wrong password takes the same time whether or not there is such an account; by address, as
    long as for _MOST_OF_AN_ADDRESS accounts.
    """
    users = called(name)
    account = next((user for user in users if user.has_password(password)), None)
    if account is None:
        for _ in range(len(users), _MOST_OF_AN_ADDRESS if "@" in name else 1):
            with hashing:
                check_password_hash(_NOBODY, password)
    return account


def called(name: str) -> Sequence[User]:
    """Return the accounts with this name or confirmed address, oldest first."""
    if "@" in name:  # no name has one
        return _with_confirmed(name, _MOST_OF_AN_ADDRESS)
    user = named(name)
    return [user] if user is not None else []


def try_to_log_in(name: str, password: str) -> User | None:
    """Return the account as ``recognise`` does, within the limits of login attempts.

    Attempts count for each account with this name or address, for a trusted device of the account
    instead of it, or for a name that nobody has. Raises TooManyRequests.
    """
    device = trusted_devices.trusted_device()
    counters = [
        f"device {device[1]}" if device and device[0] == user.id else f"account {user.id}"
        for user in called(name)
    ]
    counters = counters or [f"name {unique_key(name)}"]
    return _limited(counters, lambda: recognise(name, password))


def is_present_password(user: User, password: str) -> bool:
    """Check the password of a logged-in user. Raises TooManyRequests."""
    return _limited([f"user {user.id}"], lambda: user.has_password(password))


def _limited(counters: Sequence[str], check: Callable[[], T]) -> T:
    tries = login_throttle.record_attempts(
        *((login_throttle.PASSWORDS, counter) for counter in counters),
        (login_throttle.PASSWORDS_ADDRESS, login_throttle.caller()),
    )
    if passed := check():
        login_throttle.cancel(tries)
    return passed


def named(name: str) -> User | None:
    """Find the account of this name, else the one whose name looks the same."""
    if len(name) > LONGEST:
        return None
    folded = fold(name)
    matches = select(User).where(User.username_key.in_({folded, unique_key(name)}))
    return db.session.scalar(matches.order_by(User.username_key != folded).limit(1))


def change_password(user: User, password: str) -> None:
    """Set a new password; ends every session of the account and every reset link."""
    user.set_password(password)
    db.session.commit()


def use_reset_link(user: User, password: str) -> bool:
    """Set a new password by a reset link; return False if the link was used meanwhile."""
    new = User()
    new.set_password(password)
    unused = update(User).where(User.id == user.id, User.session_key == user.session_key)
    changed = unused.values(password_hash=new.password_hash, session_key=new.session_key)
    done = cast("CursorResult[Any]", db.session.execute(changed))
    db.session.commit()
    return bool(done.rowcount)


def mail_reset_links(email: str) -> None:
    """Mail a reset link for each account that has confirmed this address.

    The mail goes to the folded address, which is stored. Takes as long, and raises TooManyRequests,
    whether or not an account has the address.
    """
    _limit_mail(fold(email))
    with timing.at_least(RESET_SECONDS):
        _mail_reset_links(email)


def _mail_reset_links(email: str) -> None:
    now = utcnow()
    due = [
        user
        for user in _with_confirmed(email, _MOST_IN_A_LETTER)
        if user.reset_asked_at is None or not is_recent(user.reset_asked_at, now, RESET_PAUSE)
    ]
    if not due:
        return
    site = current_app.config["SITE_URL"]
    links = [(user.username, f"{site}/reset/{reset_token(user)}") for user in due]
    text = render_template("base/reset_mail.txt", links=links)
    for user in due:
        user.reset_asked_at = now
    db.session.commit()
    mail.send(fold(email), "A new password for Marquee", text)


def reset_token(user: User) -> str:
    """Return a token valid for RESET_WITHIN and until the password changes."""
    return _signer(_RESET).dumps([user.id, _seal(user)])


def user_of_token(token: str) -> User | None:
    """Return the user whose password the token resets; None if it is forged, used or expired."""
    try:
        user_id, seal = _signer(_RESET).loads(token, max_age=int(RESET_WITHIN.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return None
    user = db.session.get(User, user_id)
    return user if user and hmac.compare_digest(_seal(user), str(seal)) else None


def mail_confirmation(user: User) -> None:
    """Mail a link that confirms the account's address. Raises TooManyRequests.

    The mail has no text that the user chose, since the address may be somebody else's.
    """
    email = user.email or ""
    _limit_mail(f"confirmation {email}")
    link = f"{current_app.config['SITE_URL']}/confirm/{confirmation_token(user)}"
    text = render_template("base/confirmation_mail.txt", link=link)
    mail.send(email, "Confirm your address at Marquee", text)


def _limit_mail(mailbox: str) -> None:
    login_throttle.record_attempts(
        (login_throttle.MAIL, mailbox), (login_throttle.MAIL_ADDRESS, login_throttle.caller())
    )


def confirmation_token(user: User) -> str:
    """Return a token valid for CONFIRM_WITHIN, for this account and its present address."""
    return _signer(_CONFIRMATION).dumps([user.id, _digest(user.email or "")])


def is_confirmation_of(user: User, token: str) -> bool:
    """Return whether a token, neither forged nor expired, confirms the address of ``user``."""
    try:
        confirmed = _signer(_CONFIRMATION).loads(token, max_age=int(CONFIRM_WITHIN.total_seconds()))
    except BadSignature:
        return False
    return bool(confirmed == [user.id, _digest(user.email or "")])


def confirm_address(user: User) -> None:
    """Confirm the account's address, which then serves to log in and to reset the password."""
    user.email_confirmed_at = utcnow()
    db.session.commit()


@retry_on_conflict
def delete_account(user: User) -> None:
    """Delete a user; foreign keys delete everything that belongs to them."""
    db.session.execute(delete(User).where(User.id == user.id))
    db.session.commit()
    api_tokens.forget()


def _next_user_id() -> int:
    """Return a new id above those of the data set; locks the counter's row until the commit."""
    db.session.execute(update(SiteState).values(last_user_id=SiteState.last_user_id + 1))
    return db.session.execute(select(SiteState.last_user_id)).scalar_one()


def _with_confirmed(email: str, limit: int) -> Sequence[User]:
    """Return the accounts that confirmed this address, oldest first."""
    confirmed = select(User).where(User.email == fold(email), User.email_confirmed_at.is_not(None))
    return db.session.scalars(confirmed.order_by(User.id).limit(limit)).all()


def _signer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=purpose)


def _seal(user: User) -> str:
    """Return text that changes with the password without revealing it."""
    return _digest(f"{user.session_key}{user.password_hash}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
