"""Items that are not available: on no list until they are again."""

from __future__ import annotations

from sqlalchemy import select

from app.catalogue.editions import of_edition
from app.extensions import db
from app.models import Item


def unavailable_ids() -> frozenset[int]:
    """Return the ids of items that are not available, the same ones for a whole request."""
    return of_edition("unavailable", _unavailable_ids)


def _unavailable_ids() -> frozenset[int]:
    return frozenset(db.session.scalars(select(Item.id).where(Item.available.is_(False))))
