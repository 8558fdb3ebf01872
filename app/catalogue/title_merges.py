"""Merge a title that was added here into another item: what people said of it follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, delete, select, tuple_, update
from sqlalchemy.orm import aliased

from app.catalogue.editions import raise_edition
from app.extensions import db
from app.models import (
    AddedTitle,
    Exposure,
    ImportChange,
    Impression,
    Item,
    ListEntry,
    OpenLine,
    Rating,
)
from recommender.errors import DataError

BATCH = 500
# Tables that have a row of an item for each of these columns.
_BY_COLUMNS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (ListEntry, ("user_id", "kind")),
    (Impression, ("user_id",)),
    (Exposure, ("experiment_id", "user_id")),
    (ImportChange, ("import_id", "kind")),
)
Keys = Sequence[tuple[Any, ...]]


class NotMerged(DataError):
    """Two titles that cannot be merged."""


def merge(double: int, into: int) -> int:
    """Merge the added title ``double`` into another item; return the id of that one.

    Ratings, lists, waiting lines, impressions and exposures follow. Of two ratings by a user an
    explicit one stays, of two such the newer. The row of ``double`` stays with its ids, so that
    neither a page nor a file that names it is lost. The caller commits. Raises NotMerged.
    """
    merged, target = db.session.get(AddedTitle, double), _target(into)
    if merged is None or merged.merged_into is not None:
        raise NotMerged(f"title {double} was not added here, or is merged already; choose another")
    if target is None:
        raise NotMerged(f"there is no title {into}; give the id of the one that stays")
    if target == double:
        raise NotMerged(f"title {double} cannot be merged into itself; give the id of another one")
    _move_ratings(double, target)
    for model, columns in _BY_COLUMNS:
        _move(model, columns, double, target)
    for column in (OpenLine.match_id, AddedTitle.merged_into):
        moved = update(column.class_).where(column == double)
        db.session.execute(moved.values({column.key: target}))
    merged.merged_into = target
    left = {"available": False, "rating_count": 0, "rating_mean": None}
    db.session.execute(update(Item).where(Item.id == double).values(left))
    raise_edition()
    db.session.flush()
    return target


def _target(item_id: int) -> int | None:
    """Return the item itself, or the one that it was merged into; None if there is none."""
    found = select(Item.id, AddedTitle.merged_into).where(Item.id == item_id)
    row = db.session.execute(found.outerjoin(AddedTitle, AddedTitle.item_id == Item.id)).first()
    return row and (row.merged_into or row.id)


def _move_ratings(double: int, into: int) -> None:
    here, there = aliased(Rating), aliased(Rating)
    both = select(
        here.user_id, here.is_implicit, here.rated_at, there.is_implicit, there.rated_at
    ).join(there, there.user_id == here.user_id)
    rows = db.session.execute(both.where(here.item_id == double, there.item_id == into)).all()
    for item_id, stays in ((into, True), (double, False)):
        # The explicit rating stays; of two of a kind the newer.
        replaced = [
            (user_id,)
            for user_id, implicit, at, other_implicit, other_at in rows
            if ((not implicit, at) > (not other_implicit, other_at)) == stays
        ]
        _delete(Rating, ("user_id",), item_id, replaced)
    _point_to(Rating, double, into)


def _move(model: Any, columns: tuple[str, ...], double: int, into: int) -> None:
    """Let rows of ``double`` be of the other item, but those that it has already."""
    here, there = aliased(model), aliased(model)
    same = [getattr(here, name) == getattr(there, name) for name in columns]
    both = select(*(getattr(here, name) for name in columns)).join(there, and_(*same))
    rows = db.session.execute(both.where(here.item_id == double, there.item_id == into))
    _delete(model, columns, double, [tuple(row) for row in rows])
    _point_to(model, double, into)


def _delete(model: Any, columns: tuple[str, ...], item_id: int, keys: Keys) -> None:
    """Delete rows of an item by their other columns."""
    key = tuple_(*(getattr(model, name) for name in columns))
    for start in range(0, len(keys), BATCH):
        those = model.item_id == item_id, key.in_(keys[start : start + BATCH])
        db.session.execute(delete(model).where(*those))


def _point_to(model: Any, double: int, into: int) -> None:
    moved = update(model).where(model.item_id == double).values(item_id=into)
    db.session.execute(moved.execution_options(synchronize_session=False))
