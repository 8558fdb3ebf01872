"""Items that came after training, folded in from their raters, beside the items of a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Float32Array, Float64Array, Int64Array, IntArray
from recommender.storage.release import ItemArrays, NeighbourArrays

# The popularity of a new item is a share of the ratings given since it came, as though so many had
# passed it over before: one rating of the first ten says little.
PASSED_OVER = 10_000


@dataclass(frozen=True)
class AddedItems:
    """Arrays with one row an item, ``item_ids`` ascending, none of which the release has factors
    for.

    ``ranking_factors`` (items, rank) and ``rating_factors`` (items, width) float16, ``item_bias``
    float32. ``counts`` and ``means`` of their ratings. ``popularity_counts``: see
    ``popularity_count``. ``genres`` and ``years`` as in the catalogue. A rating of the item at
    ``source_rows``, int32, of the release adds ``source_weights``, float16, times its preference to
    the score of item ``k``, both at ``source_starts[k]:source_starts[k + 1]``.
    """

    item_ids: Int64Array
    ranking_factors: NDArray[np.float16]
    rating_factors: NDArray[np.float16]
    item_bias: Float32Array
    counts: Int64Array
    means: Float32Array
    popularity_counts: Float64Array
    source_starts: Int64Array
    source_rows: NDArray[np.int32]
    source_weights: NDArray[np.float16]
    genres: Sequence[Sequence[str]] = ()
    years: Sequence[int | None] = ()

    def __len__(self) -> int:
        return len(self.item_ids)

    def neighbours(self, fitted: int) -> NeighbourArrays:
        """Return what ratings of the ``fitted`` items of the release add to these, by source; rows
        of these count from 0."""
        targets = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.source_starts))
        order = np.argsort(self.source_rows, kind="stable")
        starts = np.searchsorted(self.source_rows[order], np.arange(fitted + 1))
        return NeighbourArrays(starts, targets[order], self.source_weights[order])

    def beside(self, arrays: ItemArrays) -> ItemArrays:
        """Return the arrays of a release followed by these, the factors without a copy."""
        return replace(
            arrays,
            item_ids=np.concatenate([arrays.item_ids, self.item_ids]),
            ranking_factors=_stacked(arrays.ranking_factors, self.ranking_factors),
            rating_factors=_stacked(arrays.rating_factors, self.rating_factors),
            item_bias=np.concatenate([arrays.item_bias, self.item_bias]),
            item_counts=np.concatenate([arrays.item_counts, self.counts]),
            item_means=np.concatenate([arrays.item_means, self.means]),
        )


NOTHING_ADDED = AddedItems(
    item_ids=np.empty(0, np.int64),
    ranking_factors=np.empty((0, 0), np.float16),
    rating_factors=np.empty((0, 0), np.float16),
    item_bias=np.empty(0, np.float32),
    counts=np.empty(0, np.int64),
    means=np.empty(0, np.float32),
    popularity_counts=np.empty(0),
    source_starts=np.zeros(1, np.int64),
    source_rows=np.empty(0, np.int32),
    source_weights=np.empty(0, np.float16),
)


def popularity_count(raters: Any, since: Any, ratings: int) -> Any:
    """Return the count of ratings that a new item's popularity is reckoned by:

        raters / (ratings given since it came + PASSED_OVER) · all ratings of the release

    which is what it would have, had it always been there. Works on numbers and arrays.
    """
    return raters / (since + PASSED_OVER) * ratings


class StackedRows:
    """Two arrays of rows, one after the other, neither of them copied; read by rows of any shape,
    or by a slice."""

    def __init__(self, first: NDArray[Any], second: NDArray[Any]):
        self._first, self._second = first, second
        self.shape = (len(first) + len(second), *first.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, wanted: IntArray | int | slice) -> NDArray[Any]:
        split = len(self._first)
        if isinstance(wanted, slice):
            start, stop, _ = wanted.indices(len(self))
            if stop <= split:
                return self._first[wanted]
            wanted = np.arange(start, stop)
        rows = np.asarray(wanted)
        beyond = rows >= split
        if not beyond.any():
            return np.asarray(self._first[rows])
        found = np.empty((*rows.shape, *self.shape[1:]), self._first.dtype)
        found[~beyond] = self._first[rows[~beyond]]
        found[beyond] = self._second[rows[beyond] - split]
        return found


def _stacked(first: NDArray[Any], second: NDArray[Any]) -> Any:
    return StackedRows(first, second)
