"""Lists of a user: watchlist, hidden items, and items seen, or not seen when asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, select

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Item, ListEntry, Rating

WATCHLIST, HIDDEN, UNSEEN, SEEN = KINDS = ("watchlist", "hidden", "unseen", "seen")
# The lists whose items are not recommended.
SET_ASIDE = (HIDDEN, SEEN)
# The lists that an item leaves when it is put on another one.
LEFT_FOR = {SEEN: (WATCHLIST, UNSEEN), WATCHLIST: (SEEN,), UNSEEN: (SEEN,)}
# Built once: building takes longer than running.
_OF_ONE = select(ListEntry.kind, ListEntry.item_id).where(ListEntry.user_id == bindparam("user_id"))
_AMONG = select(ListEntry.item_id).where(
    ListEntry.user_id == bindparam("user_id"),
    ListEntry.kind == bindparam("kind"),
    ListEntry.item_id.in_(bindparam("item_ids", expanding=True)),
)


@retry_on_conflict
def mark(user_id: int, item_id: int, kind: str) -> set[str]:
    """Add an item to the list ``kind``, unless it is on it already; return the lists it left."""
    own = select(ListEntry.kind).where(ListEntry.user_id == user_id, ListEntry.item_id == item_id)
    left = set(db.session.scalars(own)) & set(LEFT_FOR.get(kind, ()))
    add(user_id, {item_id: utcnow()}, kind)
    db.session.commit()
    return left


def add(user_id: int, times: Mapping[int, datetime], kind: str) -> None:
    """Add items to the list ``kind`` with these times; those on it keep theirs. The caller commits.

    They leave the lists in LEFT_FOR.
    """
    key = {"user_id": user_id, "kind": kind}
    rows = [{**key, "item_id": item_id, "marked_at": at} for item_id, at in times.items()]
    upsert(ListEntry, rows, keep=["marked_at"])
    for left in LEFT_FOR.get(kind, ()):
        remove(user_id, times, left)


def remove(user_id: int, item_ids: Collection[int], kind: str) -> None:
    """Remove items from the list ``kind``. The caller commits."""
    listed = ListEntry.user_id == user_id, ListEntry.kind == kind, ListEntry.item_id.in_(item_ids)
    db.session.execute(delete(ListEntry).where(*listed))


@retry_on_conflict
def unmark(user_id: int, item_id: int, kind: str) -> None:
    """Remove an item from the list ``kind``."""
    remove(user_id, [item_id], kind)
    db.session.commit()


def marks_of(user_id: int) -> dict[str, set[int]]:
    """Return the item ids on each list, by kind."""
    rows = db.session.execute(_OF_ONE, {"user_id": user_id}).all()
    items_by_kind: dict[str, set[int]] = defaultdict(set)
    for kind, item_id in rows:
        items_by_kind[kind].add(item_id)
    return items_by_kind


def set_aside(marked: Mapping[str, set[int]]) -> set[int]:
    """Return the ids of items that are not to be recommended, of ``marks_of`` a user."""
    return set().union(*(marked[kind] for kind in SET_ASIDE))


def listed_among(user_id: int, kind: str, item_ids: Collection[int]) -> set[int]:
    """Return those of the ids that are on the list ``kind``."""
    values = {"user_id": user_id, "kind": kind, "item_ids": list(item_ids)}
    return set(db.session.scalars(_AMONG, values)) if item_ids else set()


def is_seen_by(user_id: int) -> ColumnElement[bool]:
    """Return the condition that the user has seen an item of the query."""
    entry = ListEntry.user_id == user_id, ListEntry.kind == SEEN, ListEntry.item_id == Item.id
    return exists().where(*entry)


def count_marked(user_id: int, kind: str) -> int:
    """Return the number of all ``marked_items``."""
    counted = select(func.count()).select_from(ListEntry).where(*is_listed(user_id, kind))
    return db.session.scalar(counted) or 0


def marked_items(user_id: int, kind: str, limit: int, offset: int = 0) -> list[Item]:
    """Return the items on the list ``kind`` from the ``offset``-th on, newest first.

    The watchlist leaves out rated items, the list of seen ones those that the user rated, which
    are seen anyway.
    """
    marked = (
        select(Item)
        .join(ListEntry, ListEntry.item_id == Item.id)
        .where(*is_listed(user_id, kind))
        .order_by(ListEntry.marked_at.desc(), Item.id)
        .limit(limit)
        .offset(offset)
    )
    return list(db.session.scalars(marked))


def is_listed(user_id: int, kind: str) -> list[ColumnElement[bool]]:
    """Return the conditions that an entry is among the user's ``marked_items``."""
    conditions = [ListEntry.user_id == user_id, ListEntry.kind == kind]
    rated = exists().where(Rating.user_id == user_id, Rating.item_id == ListEntry.item_id)
    if kind == WATCHLIST:
        conditions.append(~rated)
    elif kind == SEEN:
        conditions.append(~rated.where(Rating.is_implicit.is_(False)))
    return conditions
