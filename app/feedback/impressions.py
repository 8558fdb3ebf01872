"""Impressions: which items were recommended to whom, to judge them by later ratings."""

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
    seen = set(
        db.session.scalars(
            select(Impression.item_id).where(
                Impression.user_id == user_id, Impression.item_id.in_(item_ids)
            )
        )
    )
    new = [
        {
            "user_id": user_id,
            "item_id": item_id,
            "shown_at": utcnow(),
            "place": place,
            "model_version": model_version,
        }
        for place, item_id in enumerate(item_ids, start=1)
        if item_id not in seen
    ]
    if new:
        upsert(Impression, new, keep=["shown_at", "place", "model_version"])
        db.session.commit()


def was_shown(user_id: int, item_id: int) -> bool:
    """Return whether the item was ever recommended to the user."""
    return db.session.get(Impression, (user_id, item_id)) is not None
