"""The titles that were added here, as the owner looks them over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from app.catalogue.items import items_by_id
from app.extensions import db
from app.models import AddedTitle, Item, Rating, User

# Doubles that are offered for a title.
MOST_OFFERED = 5


@dataclass(frozen=True)
class ListedTitle:
    """``by``: the user's name, None where there is none. ``alike``: other items of the same name
    and year, into which it may be merged."""

    item: Item
    added: AddedTitle
    by: str | None
    ratings: int
    alike: Sequence[Item]


def count_added() -> int:
    """Return the number of all titles of ``added_list``."""
    counted = select(func.count()).select_from(AddedTitle)
    return db.session.scalar(counted.where(AddedTitle.merged_into.is_(None))) or 0


def added_list(limit: int, offset: int = 0) -> list[ListedTitle]:
    """Return the added titles that are not merged, newest first."""
    # Without the items: joined with them, databases would read all of them.
    titles = (
        select(AddedTitle, User.username)
        .outerjoin(User, User.id == AddedTitle.added_by)
        .where(AddedTitle.merged_into.is_(None))
        .order_by(AddedTitle.added_at.desc(), AddedTitle.item_id.desc())
    )
    rows = db.session.execute(titles.limit(limit).offset(offset)).all()
    items = items_by_id([added.item_id for added, _ in rows])
    raters, alike = _raters(list(items)), _alike(list(items.values()))
    return [
        ListedTitle(items[i], added, by, raters.get(i, 0), alike[i][:MOST_OFFERED])
        for i, added, by in ((added.item_id, added, by) for added, by in rows)
    ]


def _raters(item_ids: Sequence[int]) -> dict[int, int]:
    counted = select(Rating.item_id, func.count()).where(Rating.item_id.in_(item_ids))
    rows = db.session.execute(counted.group_by(Rating.item_id))
    return {item_id: count for item_id, count in rows}  # noqa: C416


def _alike(items: Sequence[Item]) -> dict[int, list[Item]]:
    """Return the other items that have the name and year of each of these, by its id."""
    same = select(Item, AddedTitle.merged_into).outerjoin(AddedTitle, AddedTitle.item_id == Item.id)
    same = same.where(Item.search_key.in_({item.search_key for item in items}))
    by_key: dict[str, list[Item]] = defaultdict(list)
    for item, into in db.session.execute(same.order_by(Item.id)):
        if into is None:
            by_key[item.search_key].append(item)
    return {
        item.id: [other for other in by_key[item.search_key] if other.id != item.id]
        for item in items
    }
