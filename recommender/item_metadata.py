"""Genres and years of titles by row, and filters over them."""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np

from recommender.arrays import BoolArray
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


class ItemMetadata:
    """``genres``: their names, sorted. ``years`` (items,), 0 where unknown. ``has`` (items,
    genres): whether the title is of the genre."""

    def __init__(self, release: Release):
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
        self._item_rows = item_rows
        self.years = np.zeros(len(item_rows), dtype=np.int64)
        self.years[rows[known]] = np.array(years)[known]
        rows_of = {genre: item_rows.known_rows(ids) for genre, ids in ids_of.items()}
        self.genres = sorted(genre for genre, rows in rows_of.items() if len(rows))
        self.has = np.zeros((len(item_rows), len(self.genres)), dtype=bool)
        for column, genre in enumerate(self.genres):
            self.has[rows_of[genre], column] = True

    def qualified(self, wanted: Filter) -> BoolArray:
        """Mask the titles that pass the filter, (items,)."""
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
        if wanted.ids is not None:
            listed = np.zeros(len(mask), dtype=bool)
            listed[self._item_rows.known_rows(wanted.ids)] = True
            mask &= listed
        return mask

    def _any_of(self, names: frozenset[str]) -> BoolArray:
        columns = [number for number, genre in enumerate(self.genres) if genre in names]
        return np.asarray(self.has[:, columns].any(axis=1))
