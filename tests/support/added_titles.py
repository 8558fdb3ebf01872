"""Titles that are added to a site under test."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import select

from app.catalogue.added_titles import OWNER, NewTitle, Origin, add_title
from app.extensions import db
from app.models import AddedTitle, Item, Rating
from recommender.catalogue import FIRST_ADDED_ITEM

ANORA = NewTitle("Anora", 2024, "Comedy|Drama", "Sean Baker", "tt28607951", 1064213)
# The id of the first one that is added.
FIRST = FIRST_ADDED_ITEM


def bring_title(app: Flask, title: NewTitle = ANORA, user_id: int | None = None) -> int:
    """Add a title to the catalogue of the release; return its id."""
    app.test_client().get("/health")  # which brings the catalogue
    with app.app_context():
        return add_title(title, Origin(OWNER, user_id))[0].id


def items_from_here(app: Flask) -> list[tuple[int, str]]:
    """Return (id, title) of every added title."""
    with app.app_context():
        added = select(Item.id, Item.title).join(AddedTitle, AddedTitle.item_id == Item.id)
        return [tuple(row) for row in db.session.execute(added.order_by(Item.id))]


def columns_of(app: Flask, item_id: int, *names: str) -> tuple[Any, ...]:
    with app.app_context():
        item = db.session.get_one(Item, item_id)
        return tuple(getattr(item, name) for name in names)


def stars_of(app: Flask, item_id: int) -> dict[int, float]:
    """Return the ratings of an item, by user."""
    with app.app_context():
        rated = select(Rating.user_id, Rating.rating).where(Rating.item_id == item_id)
        return {row.user_id: row.rating for row in db.session.execute(rated)}
