"""Looks up rows of many user or item ids at once, in int32, by a table where ids are small.

``recommender.item_index`` does this for the few ids of a request by binary search; here every
rating of a training set is looked up twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Int64Array
from recommender.item_index import UNKNOWN

# Ids that span no more than this are looked up in a table; others by bisection.
LARGEST_TABLE = 20_000_000
Rows = NDArray[np.int32]


@dataclass(frozen=True)
class RowLookup:
    """``ids``: int64 ascending. ``table``: row by distance from the first id where ids are close
    together, UNKNOWN for unknown ids and at its last place."""

    ids: Int64Array
    table: Rows | None

    @classmethod
    def build(cls, ids: Int64Array) -> RowLookup:
        """``ids``: ascending, none below 0."""
        if not len(ids) or ids[-1] - ids[0] > LARGEST_TABLE:
            return cls(ids, None)
        table = np.full(ids[-1] - ids[0] + 2, UNKNOWN, np.int32)
        table[ids - ids[0]] = np.arange(len(ids), dtype=np.int32)
        return cls(ids, table)

    def rows(self, ids: NDArray[np.int32]) -> Rows:
        """Return the row of each id, UNKNOWN for one that is not among ``self.ids``."""
        if self.table is not None:
            distances = ids - ids.dtype.type(self.ids[0])
            return self.table[np.clip(distances, -1, len(self.table) - 1)]
        if not len(self.ids):
            return np.full(len(ids), UNKNOWN, np.int32)
        rows = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where(self.ids[rows] == ids, rows, UNKNOWN).astype(np.int32)
