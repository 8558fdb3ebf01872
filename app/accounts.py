"""Accounts: signing up, and recognising who comes back."""

from __future__ import annotations

import unicodedata

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from app.extensions import db, login_manager
from app.models import SiteState, User

# Checked when no account matches, so that the answer takes as long as for a wrong password.
_NOBODY = generate_password_hash("nobody has this password", method="scrypt")


def register(username: str, email: str, password: str) -> User | None:
    """A new account, or None where the name or the address is taken."""
    user = User(username=username, username_key=_fold(username), email=_fold(email))
    user.set_password(password)
    user.id = _next_user_id()
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return None
    return user


def recognise(name: str, password: str) -> User | None:
    """The account with this name or address, if the password is its own."""
    folded = _fold(name)
    user = db.session.scalars(
        select(User).where(or_(User.username_key == folded, User.email == folded))
    ).first()
    if user is None:
        check_password_hash(_NOBODY, password)
        return None
    return user if user.has_password(password) else None


@login_manager.user_loader
def user_of_session(session_key: str) -> User | None:
    return db.session.scalar(select(User).where(User.session_key == session_key))


def _next_user_id() -> int:
    """An id above those of the data set and never given before; locks the row till the commit."""
    db.session.execute(update(SiteState).values(last_user_id=SiteState.last_user_id + 1))
    return db.session.execute(select(SiteState.last_user_id)).scalar_one()


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
