"""Lists of a user: watchlist, hidden items, and items not seen when asked."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import ColumnElement, delete, exists, func, select

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Item, ListEntry, Rating

WATCHLIST, HIDDEN, UNSEEN = KINDS = ("watchlist", "hidden", "unseen")


@retry_on_conflict
def mark(user_id: int, item_id: int, kind: str) -> None:
    """Add an item to the list ``kind``, unless it is on it already."""
    row = {"user_id": user_id, "kind": kind, "item_id": item_id, "marked_at": utcnow()}
    upsert(ListEntry, [row], keep=["marked_at"])
    db.session.commit()


def unmark(user_id: int, item_id: int, kind: str) -> None:
    entry = ListEntry.user_id == user_id, ListEntry.item_id == item_id, ListEntry.kind == kind
    db.session.execute(delete(ListEntry).where(*entry))
    db.session.commit()


def marks_of(user_id: int) -> dict[str, set[int]]:
    """Return the item ids on each list, by kind."""
    rows = db.session.execute(
        select(ListEntry.kind, ListEntry.item_id).where(ListEntry.user_id == user_id)
    )
    items_by_kind: dict[str, set[int]] = defaultdict(set)
    for kind, item_id in rows:
        items_by_kind[kind].add(item_id)
    return items_by_kind


def count_marked(user_id: int, kind: str) -> int:
    """Return the number of all ``marked_items``."""
    counted = select(func.count()).select_from(ListEntry).where(*_is_listed(user_id, kind))
    return db.session.scalar(counted) or 0


def marked_items(user_id: int, kind: str, limit: int, offset: int = 0) -> list[Item]:
    """Return the items on the list ``kind`` from the ``offset``-th on, newest first.

    The watchlist leaves out rated items.
    """
    marked = (
        select(Item)
        .join(ListEntry, ListEntry.item_id == Item.id)
        .where(*_is_listed(user_id, kind))
        .order_by(ListEntry.marked_at.desc(), Item.id)
        .limit(limit)
        .offset(offset)
    )
    return list(db.session.scalars(marked))


def _is_listed(user_id: int, kind: str) -> list[ColumnElement[bool]]:
    conditions = [ListEntry.user_id == user_id, ListEntry.kind == kind]
    if kind == WATCHLIST:
        rated = exists().where(Rating.user_id == user_id, Rating.item_id == ListEntry.item_id)
        conditions.append(~rated)
    return conditions
