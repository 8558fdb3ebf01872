"""Create, recognise and revoke tokens of REST clients; only hashes of secrets are stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import Token
from recommender.errors import ConfigError

# Makes a leaked secret recognisable.
PREFIX = "marquee_"
LONGEST_SECRET = 200
# The use of a token is stored at most this often.
USE_NOTED_EVERY = timedelta(minutes=5)
# Built once: building takes longer than running.
_OF_SECRET = select(Token).where(Token.digest == bindparam("digest"))


@retry_on_conflict
def create(name: str, user_id: int | None = None, expires_at: datetime | None = None) -> str:
    """Create a token and return its secret; without ``user_id`` it is valid for all users.

    Replaces a token of that name that has ended. Raises ConfigError if there is a valid one.
    """
    before = db.session.scalar(select(Token).where(Token.name == name))
    if before is not None and is_good(before):
        raise _taken(name)
    if before is not None:
        # By its digest: SQLite reuses the id of a deleted row.
        db.session.execute(delete(Token).where(Token.digest == before.digest))
    # 256 random bits cannot be guessed: they need no salt and no slow hash.
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(name=name, digest=_digest(secret), user_id=user_id, expires_at=expires_at)
    token.created_at = utcnow()
    db.session.add(token)
    try:
        db.session.commit()
    except IntegrityError as error:  # another process created one
        db.session.rollback()
        raise _taken(name) from error
    return secret


def recognise(secret: str) -> Token | None:
    """Return the token of this secret, if it is valid."""
    if len(secret) > LONGEST_SECRET:
        return None
    token = db.session.scalar(_OF_SECRET, {"digest": _digest(secret)})
    return token if token is not None and is_good(token) else None


def is_good(token: Token) -> bool:
    """Return whether the token is neither revoked nor expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > utcnow())


def note_use(token: Token) -> None:
    """Store that the token is used now, unless that was stored within USE_NOTED_EVERY."""
    now = utcnow()
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        stale = or_(Token.last_used_at.is_(None), Token.last_used_at < now - USE_NOTED_EVERY)
        used = update(Token).where(Token.id == token.id, stale).values(last_used_at=now)
        db.session.execute(used)
        db.session.commit()


def revoke(name: str) -> bool:
    """Revoke the token of that name; return whether there was one."""
    ended = update(Token).where(Token.name == name, Token.revoked_at.is_(None))
    result = cast("CursorResult[Any]", db.session.execute(ended.values(revoked_at=utcnow())))
    db.session.commit()
    return bool(result.rowcount)


def every_token() -> Sequence[Token]:
    """Return all tokens, oldest first, including those that have ended."""
    return db.session.scalars(select(Token).order_by(Token.id)).all()


def _taken(name: str) -> ConfigError:
    return ConfigError(f"there is a token named {name!r}; revoke it first, or choose a new name")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
