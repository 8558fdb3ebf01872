"""Converts item ids to rows of arrays; no other module of the model or the site does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recommender.arrays import Int64Array
from recommender.errors import ReleaseError

UNKNOWN = -1


class ItemIndex:
    """Converts item ids to rows of the factor arrays and back.

    ``item_ids``: int64, shape (items,); its position is the row. Strictly ascending, and so are the
    ``added`` ones that follow. Raises ReleaseError where the ids of a release are not.
    """

    def __init__(self, item_ids: Int64Array, added: Int64Array | None = None):
        if np.any(item_ids[1:] <= item_ids[:-1]):
            raise ReleaseError("item_ids.npy: ids must be strictly ascending; train again")
        self._parts = [item_ids] if added is None else [item_ids, added]
        self.item_ids = item_ids if added is None else np.concatenate(self._parts)

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows(self, item_ids: Iterable[int]) -> Int64Array:
        """Return the row of each id, UNKNOWN (-1) for an id that the model was not fitted on."""
        wanted = np.fromiter(item_ids, dtype=np.int64)
        rows, start = np.full(len(wanted), UNKNOWN), 0
        for ids in self._parts:
            if len(ids):
                places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
                rows = np.where(ids[places] == wanted, start + places, rows)
            start += len(ids)
        return rows

    def known_rows(self, item_ids: Iterable[int]) -> Int64Array:
        """Return the rows of those ids that the model knows."""
        rows = self.rows(item_ids)
        return rows[rows != UNKNOWN]
