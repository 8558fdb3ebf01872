"""Genres and years of titles by row, and filters over them."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from recommender.arrays import BoolArray, Int64Array
from recommender.item_index import UNKNOWN, ItemIndex
from recommender.storage.release import Release


@dataclass(frozen=True)
class Filter:
    """Titles with any of the ``include``d genres (default: all), none of the ``exclude``d ones, and
    a year from ``year_from`` to ``year_to``, bounds which exclude titles of unknown year. ``ids``:
    only these titles, where it is not None."""

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    year_from: int | None = None
    year_to: int | None = None
    ids: frozenset[int] | None = None


@dataclass(frozen=True)
class ItemMetadata:
    """``genres``: their names, sorted. ``years`` (items,), 0 where unknown. ``has`` (items,
    genres): whether the title is of the genre."""

    genres: list[str]
    years: Int64Array
    has: BoolArray

    @classmethod
    def of(cls, release: Release) -> ItemMetadata:
        item_rows = ItemIndex(release.arrays.item_ids)
        # Streamed: memory of the whole catalogue as objects would not return to the system.
        ids, years = array("l"), array("l")
        ids_of: dict[str, array[int]] = defaultdict(partial(array, "l"))
        for item in release.items():
            ids.append(item.item_id)
            years.append(item.year or 0)
            for genre in item.genres:
                ids_of[genre].append(item.item_id)
        rows = item_rows.rows(ids)
        known = rows != UNKNOWN
        years_by_row = np.zeros(len(item_rows), dtype=np.int64)
        years_by_row[rows[known]] = np.array(years)[known]
        rows_of = {genre: item_rows.known_rows(ids) for genre, ids in ids_of.items()}
        genres = sorted(genre for genre, rows in rows_of.items() if len(rows))
        has = np.zeros((len(item_rows), len(genres)), dtype=bool)
        for column, genre in enumerate(genres):
            has[rows_of[genre], column] = True
        return cls(genres, years_by_row, has)

    def followed_by(
        self, genres: Sequence[Sequence[str]], years: Sequence[int | None]
    ) -> ItemMetadata:
        """Return these titles' and, in the rows after them, others'."""
        every = sorted({*self.genres, *chain.from_iterable(genres)})
        column = {genre: number for number, genre in enumerate(every)}
        has = np.zeros((len(self.years) + len(genres), len(every)), dtype=bool)
        has[: len(self.years), [column[genre] for genre in self.genres]] = self.has
        for row, names in enumerate(genres, len(self.years)):
            has[row, [column[name] for name in names]] = True
        new_years = np.array([year or 0 for year in years], np.int64)
        return ItemMetadata(every, np.concatenate([self.years, new_years]), has)

    def qualified(self, wanted: Filter) -> BoolArray:
        """Mask the titles that pass the filter but for its ``ids``, (items,)."""
        mask = np.ones(len(self.years), dtype=bool)
        if wanted.include:
            mask &= self._any_of(wanted.include)
        if wanted.exclude:
            mask &= ~self._any_of(wanted.exclude)
        if wanted.year_from is not None:
            mask &= self.years >= wanted.year_from
        if wanted.year_to is not None:
            mask &= self.years <= wanted.year_to
        if wanted.year_from is not None or wanted.year_to is not None:
            mask &= self.years > 0
        return mask

    def _any_of(self, names: frozenset[str]) -> BoolArray:
        columns = [number for number, genre in enumerate(self.genres) if genre in names]
        return np.asarray(self.has[:, columns].any(axis=1))
