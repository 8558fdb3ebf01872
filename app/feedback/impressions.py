"""Impressions: which items were recommended to whom, to compare with later ratings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Impression


@retry_on_conflict
def remember_shown(user_id: int, item_ids: Sequence[int], model_version: str) -> None:
    """Store the items of a page of recommendations in its order: each with the place and time of
    the first time, and the number of days on which it was shown."""
    today = utcnow().date()
    stored = select(Impression.item_id, Impression.shown_at, Impression.last_day).where(
        Impression.user_id == user_id, Impression.item_id.in_(item_ids)
    )
    last_days = {
        row.item_id: row.last_day or row.shown_at.date() for row in db.session.execute(stored)
    }
    first = {"user_id": user_id, "shown_at": utcnow(), "model_version": model_version}
    new = [
        {**first, "item_id": item_id, "place": place, "days": 1, "last_day": today}
        for place, item_id in enumerate(item_ids, start=1)
        if item_id not in last_days
    ]
    again = [item_id for item_id, day in last_days.items() if day < today]
    if again:
        pairs = Impression.user_id == user_id, Impression.item_id.in_(again)
        counted = {"days": Impression.days + 1, "last_day": today}
        db.session.execute(update(Impression).where(*pairs).values(counted))
    if new:
        upsert(Impression, new, keep=new[0])
    if new or again:
        db.session.commit()


def days_shown(user_id: int, more_than: int) -> dict[int, tuple[int, int]]:
    """Return the items that were recommended on more than so many days, by id: the number of days,
    and how many have passed since the last of them."""
    rows = db.session.execute(
        select(Impression.item_id, Impression.days, Impression.last_day).where(
            Impression.user_id == user_id, Impression.days > more_than
        )
    )
    today = utcnow().date()
    return {row.item_id: (row.days, (today - (row.last_day or today)).days) for row in rows}


def was_shown(user_id: int, item_id: int) -> bool:
    """Return whether the item was ever recommended to the user."""
    return db.session.get(Impression, (user_id, item_id)) is not None
