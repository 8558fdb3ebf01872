"""Impressions: which items were recommended to whom, to compare with later ratings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Impression


@retry_on_conflict
def remember_shown(user_id: int, item_ids: Sequence[int], model_version: str) -> None:
    """Store the items of a page of recommendations in its order, each only the first time."""
    stored = select(Impression.item_id).where(
        Impression.user_id == user_id, Impression.item_id.in_(item_ids)
    )
    seen = set(db.session.scalars(stored))
    first = {"user_id": user_id, "shown_at": utcnow(), "model_version": model_version}
    new = [
        {**first, "item_id": item_id, "place": place}
        for place, item_id in enumerate(item_ids, start=1)
        if item_id not in seen
    ]
    if new:
        upsert(Impression, new, keep=new[0])
        db.session.commit()


def was_shown(user_id: int, item_id: int) -> bool:
    """Return whether the item was ever recommended to the user."""
    return db.session.get(Impression, (user_id, item_id)) is not None
