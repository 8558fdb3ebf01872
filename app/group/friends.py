"""Friends, who may count each other in for a group night: one asks, the other agrees."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from app.accounts import service as accounts
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Friendship, User

# Unanswered requests that a user may have, so that nobody asks everybody.
MOST_OPEN = 20
# The page of group nights lists all friends, and the oldest requests.
MOST_FRIENDS, MOST_ASKING = 100, 20


@retry_on_conflict
def ask(user: User, name: str) -> bool:
    """Ask the account of this name, if there is one; if it has asked before, agree.

    Return False if the user has too many friends or open requests, whether or not there is such an
    account.
    """
    other = accounts.named(name)
    if other is None or other.id == user.id:
        return not has_enough_friends(user) and len(asked_by(user.id)) < MOST_OPEN
    if has_enough_friends(user):
        return False
    # The lock serializes two users who ask each other, so that the second request agrees.
    first = select(User.id).where(User.id == min(user.id, other.id))
    db.session.execute(first.with_for_update())
    if _agree(user, other.id):
        db.session.commit()
        return True
    if len(asked_by(user.id)) >= MOST_OPEN:
        return False
    row = {"user_id": user.id, "asked_id": other.id, "asked_at": utcnow()}
    upsert(Friendship, [row], keep=["asked_at"])
    db.session.commit()
    return True


def agree(user: User, other_id: int) -> bool:
    """Agree to a request of ``other_id``; return False if there is none."""
    agreed = _agree(user, other_id)
    db.session.commit()
    return agreed


def _agree(user: User, other_id: int) -> bool:
    """Agree to a request, if there is one and it is unanswered. The caller commits."""
    asked = update(Friendship).where(Friendship.user_id == other_id, Friendship.asked_id == user.id)
    db.session.execute(asked.where(Friendship.agreed_at.is_(None)).values(agreed_at=utcnow()))
    return db.session.get(Friendship, (other_id, user.id)) is not None


def end(user: User, other_id: int) -> None:
    """Delete the request or friendship of two users, whichever of them asked."""
    both = [user.id, other_id]
    of_both = Friendship.user_id.in_(both), Friendship.asked_id.in_(both)
    db.session.execute(delete(Friendship).where(*of_both))
    db.session.commit()


def agreed_with(user_id: int) -> list[User]:
    """Return the users who agreed, by name."""
    agreed = Friendship.agreed_at.is_not(None)
    who_asked = select(Friendship.user_id.label("id")).where(Friendship.asked_id == user_id, agreed)
    whom_asked = select(Friendship.asked_id).where(Friendship.user_id == user_id, agreed)
    others = who_asked.union(whom_asked).subquery()
    people = db.session.scalars(select(User).join(others, User.id == others.c.id))
    return sorted(people, key=lambda user: user.username_key or "")


def has_enough_friends(user: User) -> bool:
    return len(agreed_with(user.id)) >= MOST_FRIENDS


def asking(user_id: int) -> list[User]:
    """Return the users who wait for an answer; the first MOST_ASKING of them."""
    return _unanswered(Friendship.user_id, Friendship.asked_id == user_id, MOST_ASKING)


def asked_by(user_id: int) -> list[User]:
    """Return the users who were asked and have not answered."""
    return _unanswered(Friendship.asked_id, Friendship.user_id == user_id)


def _unanswered(other: Any, own: ColumnElement[bool], limit: int | None = None) -> list[User]:
    """Return the ``other`` users of unanswered requests that meet ``own``, oldest first."""
    requests = (
        select(User)
        .join(Friendship, other == User.id)
        .where(own, Friendship.agreed_at.is_(None))
        .order_by(Friendship.asked_at)
        .limit(limit)
    )
    return list(db.session.scalars(requests))
