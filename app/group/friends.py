"""Friends, who may count each other in for a group night: one asks, the other agrees."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, delete, or_, select, update

from app.accounts import service as accounts
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Friendship, Rating, User

# Unanswered requests that a user may have, so that nobody asks everybody.
MOST_OPEN = 20
# The page of group nights lists all friends, and the first of those who ask.
MOST_FRIENDS, MOST_ASKING = 100, 20


@retry_on_conflict
def ask(user: User, name: str) -> bool:
    """Ask the account of this name, if there is one; False if too many requests are open, or
    where the person has enough friends, also if there is no such account.

    Had that account asked first, this is the agreement.
    """
    other = accounts.named(name)
    if other is None or other.id == user.id:
        return not has_enough_friends(user) and len(asked_by(user.id)) < MOST_OPEN
    if has_enough_friends(user):
        return False
    # Two users who ask each other at once are serialized, so that the second request agrees.
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
    if not _agree(user, other_id):
        return False
    db.session.commit()
    return True


def _agree(user: User, other_id: int) -> bool:
    """The caller commits. What was agreed before stays so."""
    asked = update(Friendship).where(Friendship.user_id == other_id, Friendship.asked_id == user.id)
    db.session.execute(asked.where(Friendship.agreed_at.is_(None)).values(agreed_at=utcnow()))
    return db.session.get(Friendship, (other_id, user.id)) is not None


def end(user: User, other_id: int) -> None:
    """Decline, take back, or end it; whichever of the two asked."""
    db.session.execute(
        delete(Friendship).where(
            or_(
                and_(Friendship.user_id == user.id, Friendship.asked_id == other_id),
                and_(Friendship.user_id == other_id, Friendship.asked_id == user.id),
            )
        )
    )
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
    """Return who asked and has no answer yet; the oldest requests if there are many."""
    return list(
        db.session.scalars(
            select(User)
            .join(Friendship, Friendship.user_id == User.id)
            .where(Friendship.asked_id == user_id, Friendship.agreed_at.is_(None))
            .order_by(Friendship.asked_at)
            .limit(MOST_ASKING)
        )
    )


def asked_by(user_id: int) -> list[User]:
    """Return whom the user asked and who has not answered yet."""
    return list(
        db.session.scalars(
            select(User)
            .join(Friendship, Friendship.asked_id == User.id)
            .where(Friendship.user_id == user_id, Friendship.agreed_at.is_(None))
            .order_by(Friendship.asked_at)
        )
    )


def ratings_of_all(user_ids: Collection[int]) -> dict[int, dict[int, float]]:
    """Return ratings by item id, by user."""
    ratings: dict[int, dict[int, float]] = {user_id: {} for user_id in user_ids}
    # Columns of the table instead of the class halve the time that SQLAlchemy takes.
    columns = Rating.__table__.c
    rows = db.session.execute(
        select(columns.user_id, columns.item_id, columns.rating).where(
            columns.user_id.in_(user_ids)
        )
    )
    for user_id, item_id, rating in rows:
        ratings[user_id][item_id] = rating
    return ratings
