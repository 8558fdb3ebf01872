"""Items that are not available: on no list until they are again.

Titles that were added here and are hidden, or merged into another one, are also not found.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from app.catalogue.editions import of_edition
from app.extensions import db
from app.models import AddedTitle, Item
from recommender.catalogue import FIRST_ADDED_ITEM

Ids = frozenset[int]


def unavailable_ids() -> Ids:
    """Return the ids of items that are not available, the same ones for a whole request."""
    return of_edition("unavailable", _read_unavailable)


def withdrawn_ids() -> Ids:
    """Return the ids of ``withdrawn`` titles, the same ones for a whole request."""
    return of_edition("withdrawn", _read_withdrawn)


def added_ids() -> Ids:
    """Return the ids of added titles that are not withdrawn, the same ones for a whole request."""
    return of_edition("added", _read_added)


def withdrawn() -> ColumnElement[bool]:
    """Return the condition that an added title is hidden, or merged into another one."""
    return or_(AddedTitle.hidden_at.is_not(None), AddedTitle.merged_into.is_not(None))


def merged_into(item_id: int) -> int:
    """Return the id of the item that has the ratings of an item: its own unless it was merged."""
    if item_id < FIRST_ADDED_ITEM:
        return item_id
    into = db.session.scalar(select(AddedTitle.merged_into).where(AddedTitle.item_id == item_id))
    return item_id if into is None else into


def _read_unavailable() -> Ids:
    return frozenset(db.session.scalars(select(Item.id).where(Item.available.is_(False))))


def _read_withdrawn() -> Ids:
    return frozenset(db.session.scalars(select(AddedTitle.item_id).where(withdrawn())))


def _read_added() -> Ids:
    return frozenset(db.session.scalars(select(AddedTitle.item_id).where(~withdrawn())))
