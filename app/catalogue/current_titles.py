"""Search titles as the database has them now, which may not be as the release in service does."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Row, select

from app.catalogue.editions import of_edition
from app.catalogue.search_index import TYPO, TitleIndex, fingerprint
from app.extensions import db
from app.models import Item
from recommender.catalogue import CatalogueItem

# Rows of the database that are in memory at once.
BATCH = 5000
StoredTitle = Row[int, str, int | None, str, int]


class CurrentTitles:
    """Finds titles in the index of a release, without those that have other names by now, and in a
    small index of these and of titles that the release lacks."""

    def __init__(self, released: TitleIndex, stored: Iterable[StoredTitle]):
        known = released.fingerprints()
        changed: list[CatalogueItem] = []
        counts: dict[int, int] = {}
        for item_id, title, year, creators, rated in stored:
            if known.get(item_id) != fingerprint(title, year, creators):
                several = tuple(creators.split("|")) if creators else ()
                changed.append(CatalogueItem(item_id, title, year, creators=several))
                counts[item_id] = rated
        self._released, self._changed = released, TitleIndex(changed, counts)
        self._outdated = released.rows_of(counts)

    def find(self, query: str, limit: int) -> list[int]:
        """As ``TitleIndex.find``."""
        released = self._released.matches(query, limit, self._outdated)
        found = sorted([*released, *self._changed.matches(query, limit)])
        if found and found[0].kind < TYPO:
            found = [match for match in found if match.kind < TYPO]
        return [match.item_id for match in found[:limit]]


def current_titles(released: TitleIndex) -> CurrentTitles:
    """Return the titles of the present edition. ``released``: the index of the release in service.

    A process compares names with the database once for each edition and release.
    """
    return of_edition("titles", lambda: CurrentTitles(released, _stored_titles()), released)


def _stored_titles() -> Iterable[StoredTitle]:
    titles = select(Item.id, Item.title, Item.year, Item.creators, Item.rating_count)
    return db.session.execute(titles.execution_options(yield_per=BATCH))
