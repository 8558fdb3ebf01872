"""Items that are not available: on no list until they are again."""

from __future__ import annotations

from flask import current_app, g, has_request_context
from sqlalchemy import select

from app.extensions import db
from app.models import CatalogueState, Item

NONE: frozenset[int] = frozenset()


def unavailable_ids() -> frozenset[int]:
    """Return the ids of items that are not available, the same ones for a whole request.

    A process keeps them until the edition in the database is another one.
    """
    if "unavailable" in g:
        known: frozenset[int] = g.unavailable
        return known
    edition = db.session.scalar(select(CatalogueState.edition)) or 0
    kept, ids = current_app.extensions.get("unavailable", (0, NONE))
    if kept != edition:
        ids = frozenset(db.session.scalars(select(Item.id).where(Item.available.is_(False))))
        current_app.extensions["unavailable"] = edition, ids
    if has_request_context():
        g.unavailable = ids
    return ids
