"""Create, recognise and revoke tokens of REST clients; only hashes of secrets are stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple, cast

from flask import current_app
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
# A process asks the database for a token at most this often: a token that another process revoked
# is good for so long.
KEPT_SECONDS = 5.0
# More tokens than these in use within that time are asked for more often.
MOST_KEPT = 1000
# Built once: building takes longer than running.
_OF_SECRET = select(Token).where(Token.digest == bindparam("digest"))


class KnownToken(NamedTuple):
    """A token that was good at ``read_at``, of ``time.monotonic``."""

    id: int
    user_id: int | None
    expires_at: datetime | None
    read_at: float


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


def recognise(secret: str) -> KnownToken | None:
    """Return the token of this secret, if it is valid, and note its use.

    The database is asked for a valid token every KEPT_SECONDS, for others each time.
    """
    if len(secret) > LONGEST_SECRET:
        return None
    digest, known, now = _digest(secret), _known_tokens(), monotonic()
    kept = known.get(digest)
    if kept is not None and now < kept.read_at + KEPT_SECONDS and not _has_expired(kept):
        return kept
    token = db.session.scalar(_OF_SECRET, {"digest": digest})
    if token is None or not is_good(token):
        return None
    kept = KnownToken(token.id, token.user_id, token.expires_at, now)
    if len(known) >= MOST_KEPT:
        known.clear()
    known[digest] = kept
    _note_use(token)
    return kept


def is_good(token: Token) -> bool:
    """Return whether the token is neither revoked nor expired."""
    return token.revoked_at is None and not _has_expired(token)


def revoke(name: str) -> bool:
    """Revoke the token of that name; return whether there was one."""
    ended = update(Token).where(Token.name == name, Token.revoked_at.is_(None))
    result = cast("CursorResult[Any]", db.session.execute(ended.values(revoked_at=utcnow())))
    db.session.commit()
    forget()
    return bool(result.rowcount)


def forget() -> None:
    """Ask the database again for every token, since some were revoked or deleted."""
    _known_tokens().clear()


def every_token() -> Sequence[Token]:
    """Return all tokens, oldest first, including those that have ended."""
    return db.session.scalars(select(Token).order_by(Token.id)).all()


def _has_expired(token: Token | KnownToken) -> bool:
    return token.expires_at is not None and token.expires_at <= utcnow()


def _note_use(token: Token) -> None:
    """Store that the token is used now, unless that was stored within USE_NOTED_EVERY."""
    now = utcnow()
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        stale = or_(Token.last_used_at.is_(None), Token.last_used_at < now - USE_NOTED_EVERY)
        used = update(Token).where(Token.id == token.id, stale).values(last_used_at=now)
        db.session.execute(used)
        db.session.commit()


def _known_tokens() -> dict[str, KnownToken]:
    known: dict[str, KnownToken] = current_app.extensions.setdefault("tokens", {})
    return known


def _taken(name: str) -> ConfigError:
    return ConfigError(f"there is a token named {name!r}; revoke it first, or choose a new name")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
