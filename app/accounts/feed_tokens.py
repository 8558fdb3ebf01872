"""Secret addresses of feeds: one a user, stored as a hash, revocable."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import delete, select

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Feed

LONGEST = 200


@retry_on_conflict
def create(user_id: int) -> str:
    """Create the user's feed token and return it; an earlier one is void."""
    # 256 random bits cannot be guessed: they need no salt and no slow hash.
    token = secrets.token_urlsafe(32)
    upsert(Feed, [{"user_id": user_id, "digest": _digest(token), "created_at": utcnow()}])
    db.session.commit()
    return token


@retry_on_conflict
def revoke(user_id: int) -> None:
    db.session.execute(delete(Feed).where(Feed.user_id == user_id))
    db.session.commit()


def user_of(token: str) -> int | None:
    """Return the id of the user whose feed this is; None if it is revoked or never was."""
    if len(token) > LONGEST:
        return None
    return db.session.scalar(select(Feed.user_id).where(Feed.digest == _digest(token)))


def created_at(user_id: int) -> datetime | None:
    """Return when the user's feed got its address; None if there is none."""
    return db.session.scalar(select(Feed.created_at).where(Feed.user_id == user_id))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
