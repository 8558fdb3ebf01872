"""What a person's list is made from: what they rated, and what they hid."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, bindparam, null, select

from app.extensions import db
from app.marks import HIDDEN
from app.models import Mark, Rating

# Of tables, not of classes: SQLAlchemy's part of a query then takes two thirds.
_RATINGS, _MARKS = Rating.__table__.c, Mark.__table__.c


@dataclass(frozen=True, slots=True)
class Taste:
    """``ratings``: stars by item id. ``hidden``: item ids."""

    ratings: dict[int, float] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)


def taste_of(user_id: int) -> Taste:
    """In one query."""
    taste = Taste()
    for item_id, stars in db.session.execute(_OF_ONE, {"user_id": user_id}):
        _note(taste, item_id, stars)
    return taste


def tastes_of(user_ids: Collection[int]) -> dict[int, Taste]:
    """``taste_of`` each of those people, in one query."""
    tastes = {user_id: Taste() for user_id in user_ids}
    theirs = _told(_RATINGS.user_id.in_(user_ids), _MARKS.user_id.in_(user_ids), whose=True)
    for item_id, stars, user_id in db.session.execute(theirs):
        _note(tastes[user_id], item_id, stars)
    return tastes


def _note(taste: Taste, item_id: int, stars: float | None) -> None:
    if stars is None:
        taste.hidden.add(item_id)
    else:
        taste.ratings[item_id] = stars


def _told(
    rated_by: ColumnElement[bool], hidden_by: ColumnElement[bool], whose: bool = False
) -> CompoundSelect[Any]:
    """Item id, stars (None for what is hidden), and ``whose`` they are if asked."""
    rated, hidden = [_RATINGS.item_id, _RATINGS.rating], [_MARKS.item_id, null()]
    if whose:
        rated, hidden = [*rated, _RATINGS.user_id], [*hidden, _MARKS.user_id]
    return (
        select(*rated)
        .where(rated_by)
        .union_all(select(*hidden).where(hidden_by, _MARKS.kind == HIDDEN))
    )


# Built once: that takes longer than the database takes to answer.
_OF_ONE = _told(_RATINGS.user_id == bindparam("user_id"), _MARKS.user_id == bindparam("user_id"))
