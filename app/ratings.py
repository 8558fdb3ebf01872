"""A person's ratings in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from app.clock import utcnow
from app.extensions import db
from app.models import Item, Rating
from app.upsert import upsert


@dataclass(frozen=True)
class RatedItem:
    item: Item
    rating: float
    rated_at: datetime


def ratings_of(user_id: int) -> dict[int, float]:
    """Stars by item id: what the model folds in."""
    rows = db.session.execute(
        select(Rating.item_id, Rating.rating).where(Rating.user_id == user_id)
    )
    return {row.item_id: row.rating for row in rows}


def rated_items(user_id: int) -> list[RatedItem]:
    """Every rated title, newest rating first."""
    rows = db.session.execute(
        select(Item, Rating.rating, Rating.rated_at)
        .join(Rating, Rating.item_id == Item.id)
        .where(Rating.user_id == user_id)
        .order_by(Rating.rated_at.desc(), Item.id)
    )
    return [RatedItem(*row) for row in rows]


def rate(user_id: int, item_id: int, rating: float) -> None:
    """Store a rating in place of any earlier one of the pair; the last writer wins."""
    row = {"user_id": user_id, "item_id": item_id, "rating": rating, "rated_at": utcnow()}
    upsert(Rating, [row])
    db.session.commit()


def unrate(user_id: int, item_id: int) -> None:
    """Remove a rating, if there is one."""
    db.session.execute(delete(Rating).where(Rating.user_id == user_id, Rating.item_id == item_id))
    db.session.commit()
