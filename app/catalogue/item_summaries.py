"""What lists say about their items, kept in memory until the items table changes."""

from __future__ import annotations

from collections.abc import Collection
from sys import intern
from typing import NamedTuple

from sqlalchemy import bindparam, select

from app.catalogue.editions import of_edition
from app.catalogue.items import MOST_PARAMETERS, batches
from app.extensions import db
from app.models import Item
from recommender.item_facts import FactValue, from_json

# About 10 MB; lists name the same few thousand items again and again.
MOST_KEPT = 20_000
_ITEMS = Item.__table__.c
_BY_ID = select(
    *(_ITEMS[name] for name in ("id", "key", "title", "year", "genres", "description", "facts"))
).where(_ITEMS.id.in_(bindparam("ids", expanding=True)))


class ItemSummary(NamedTuple):
    """Some columns of an ``Item``, under their names."""

    id: int
    key: str | None
    title: str
    year: int | None
    genres: str
    description: str | None
    facts: str | None

    @property
    def genre_list(self) -> list[str]:
        return self.genres.split("|") if self.genres else []

    @property
    def fact_values(self) -> dict[str, FactValue]:
        return from_json(self.facts)


def summaries_by_id(item_ids: Collection[int]) -> dict[int, ItemSummary]:
    """Return summaries of the items that exist, by id."""
    kept: dict[int, ItemSummary] = of_edition("summaries", dict)
    # Read once each, since another thread may clear it.
    found = {i: summary for i in item_ids if (summary := kept.get(i)) is not None}
    missing = [item_id for item_id in item_ids if item_id not in found]
    if len(kept) + len(missing) > MOST_KEPT:
        kept.clear()
    for ids in batches(missing, MOST_PARAMETERS):
        for row in db.session.execute(_BY_ID, {"ids": ids}):
            summary = ItemSummary(*row)._replace(genres=intern(row.genres))
            found[summary.id] = summary
    kept.update({item_id: found[item_id] for item_id in missing if item_id in found})
    return found
