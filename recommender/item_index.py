"""Converts item ids to rows of arrays; no other module of the model or the site does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recommender.arrays import Int64Array
from recommender.errors import ReleaseError

UNKNOWN = -1


class ItemIndex:
    """Converts item ids to rows of the factor arrays and back.

    ``item_ids``: int64, shape (items,), strictly ascending; its position is the row.
    Raises ReleaseError where the ids are not strictly ascending.
    """

    def __init__(self, item_ids: Int64Array):
        if np.any(item_ids[1:] <= item_ids[:-1]):
            raise ReleaseError("item_ids.npy: ids must be strictly ascending; train again")
        self.item_ids = item_ids

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows(self, item_ids: Iterable[int]) -> Int64Array:
        """Return the row of each id, UNKNOWN (-1) for an id that the model was not fitted on."""
        wanted = np.fromiter(item_ids, dtype=np.int64)
        if not len(self.item_ids):
            return np.full(len(wanted), UNKNOWN)
        rows = np.searchsorted(self.item_ids, wanted).clip(max=len(self.item_ids) - 1)
        return np.where(self.item_ids[rows] == wanted, rows, UNKNOWN)

    def known_rows(self, item_ids: Iterable[int]) -> Int64Array:
        """Return the rows of those ids that the model knows."""
        rows = self.rows(item_ids)
        return rows[rows != UNKNOWN]
