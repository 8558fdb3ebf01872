"""Which friends compare their tastes: each of the two has to agree, and either may end it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import Friendship


@dataclass(frozen=True)
class Agreement:
    """Whether the user and the friend agree to compare their tastes."""

    mine: bool
    of_friend: bool

    @property
    def is_mutual(self) -> bool:
        return self.mine and self.of_friend


def agreement_with(user_id: int, friend_id: int) -> Agreement | None:
    """Return the agreement of two friends; None for people who are not friends."""
    columns = select(Friendship.user_shares, Friendship.asked_shares)
    agreed = Friendship.agreed_at.is_not(None)
    asked = columns.where(Friendship.user_id == user_id, Friendship.asked_id == friend_id, agreed)
    was_asked = columns.where(
        Friendship.user_id == friend_id, Friendship.asked_id == user_id, agreed
    )
    if row := db.session.execute(asked).first():
        return Agreement(row.user_shares, row.asked_shares)
    if row := db.session.execute(was_asked).first():
        return Agreement(row.asked_shares, row.user_shares)
    return None


@retry_on_conflict
def share(user_id: int, friend_id: int, shares: bool) -> None:
    """Store whether the user agrees to compare tastes with a friend."""
    for own, other, column in (
        (Friendship.user_id, Friendship.asked_id, "user_shares"),
        (Friendship.asked_id, Friendship.user_id, "asked_shares"),
    ):
        of_both = own == user_id, other == friend_id, Friendship.agreed_at.is_not(None)
        db.session.execute(update(Friendship).where(*of_both).values({column: shares}))
    db.session.commit()
