"""Items that are not available: on no list until they are again.

Titles that were added here and are hidden, or merged into another one, are also not found.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, g, has_request_context
from sqlalchemy import ColumnElement, or_, select, update

from app.extensions import db
from app.models import AddedTitle, CatalogueState, Item
from recommender.catalogue import FIRST_ADDED_ITEM

Ids = frozenset[int]
NONE: Ids = frozenset()


def unavailable_ids() -> Ids:
    """Return the ids of items that are not available, the same ones for a whole request.

    A process keeps them until the edition in the database is another one.
    """
    return _of_edition("unavailable", _read_unavailable)


def withdrawn_ids() -> Ids:
    """Return the ids of ``withdrawn`` titles, kept like those of ``unavailable_ids``."""
    return _of_edition("withdrawn", _read_withdrawn)


def added_ids() -> Ids:
    """Return the ids of added titles that are not withdrawn, kept like those before."""
    return _of_edition("added", _read_added)


def withdrawn() -> ColumnElement[bool]:
    """Return the condition that an added title is hidden, or merged into another one."""
    return or_(AddedTitle.hidden_at.is_not(None), AddedTitle.merged_into.is_not(None))


def merged_into(item_id: int) -> int:
    """Return the id of the item that has the ratings of an item: its own unless it was merged."""
    if item_id < FIRST_ADDED_ITEM:
        return item_id
    into = db.session.scalar(select(AddedTitle.merged_into).where(AddedTitle.item_id == item_id))
    return item_id if into is None else into


def raise_edition() -> None:
    """Let every process read anew which items there are. The caller commits."""
    db.session.execute(update(CatalogueState).values(edition=CatalogueState.edition + 1))


def _of_edition(name: str, read: Callable[[], Ids]) -> Ids:
    if name in g:
        known: Ids = g.get(name)
        return known
    if "edition" not in g:
        g.edition = db.session.scalar(select(CatalogueState.edition)) or 0
    edition = g.edition
    kept, ids = current_app.extensions.get(name, (None, NONE))
    if kept != edition:
        ids = read() if edition else NONE
        current_app.extensions[name] = edition, ids
    if has_request_context():
        setattr(g, name, ids)
    else:
        g.pop("edition")
    return ids


def _read_unavailable() -> Ids:
    return frozenset(db.session.scalars(select(Item.id).where(Item.available.is_(False))))


def _read_withdrawn() -> Ids:
    return frozenset(db.session.scalars(select(AddedTitle.item_id).where(withdrawn())))


def _read_added() -> Ids:
    return frozenset(db.session.scalars(select(AddedTitle.item_id).where(~withdrawn())))
