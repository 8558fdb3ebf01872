"""The items that a model ranks: those of its release, and those that came after it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from recommender.added_items import AddedItems
from recommender.arrays import BoolArray, Float64Array, FloatArray, Int64Array, IntArray
from recommender.item_index import ItemIndex
from recommender.item_metadata import Filter, ItemMetadata
from recommender.popularity import within_band
from recommender.storage.release import Release
from recommender.top_n import BestFirst, rank_among, top_n, top_of

# Newcomers are asked about as many of the most rated items, which they may well know.
MOST_RATED = 2000


class ServedItems:
    """Items by row: the release's in its order, then the ``added`` ones.

    ``arrays``: of all of them. ``popularity`` (items,): what it adds to their scores; -inf for
    items that are never recommended.
    """

    def __init__(
        self, release: Release, added: AddedItems | None = None, before: ServedItems | None = None
    ):
        """``before``: of the same release, whose work is not done again."""
        self._release, self.added = release, added
        self.fitted = len(release.arrays.item_ids)
        self.arrays = added.beside(release.arrays) if added else release.arrays
        self.index = ItemIndex(release.arrays.item_ids, added.item_ids if added else None)
        ranking, counts = release.ranking, self.arrays.item_counts
        self.popularity_counts = np.asarray(counts, np.float64)
        if added:
            self.popularity_counts[self.fitted :] = added.popularity_counts
        popularity = ranking.popularity_weight * np.log1p(self.popularity_counts)
        self.popularity = np.where(counts < ranking.min_ratings, -np.inf, popularity)
        self._of_release: _OfRelease = before._of_release if before else _OfRelease(release)
        factors, fitted = release.arrays.ranking_factors, self.fitted
        self._orders: list[BestFirst] = [
            before._orders[0] if before else BestFirst(factors, self.popularity[:fitted])
        ]
        if added:
            factors = added.ranking_factors.astype(np.float32)
            order = BestFirst(factors, self.popularity[fitted:], fitted)
            self._orders.append(order)

    def __len__(self) -> int:
        return len(self.index)

    def with_added(self, added: AddedItems) -> ServedItems:
        return ServedItems(self._release, added if len(added) else None, self)

    @cached_property
    def metadata(self) -> ItemMetadata:
        """Genres and years; read from the release at first use."""
        of_release, added = self._of_release.metadata, self.added
        return of_release.followed_by(added.genres, added.years) if added else of_release

    def fitted_among(self, item_ids: Iterable[int]) -> set[int]:
        """Return those of the ids that the release was fitted on."""
        rows = self.index.known_rows(item_ids)
        return set(self.index.item_ids[rows[rows < self.fitted]].tolist())

    def allowed(self, wanted: Filter | None, known: int) -> BoolArray | None:
        """Mask the items that pass the filter and are as well known as wanted (a key of
        ``popularity.BANDS``), (items,); None if all do."""
        allowed = None
        if wanted is not None and wanted != Filter():
            allowed = self.metadata.qualified(wanted)
            if wanted.ids is not None:
                named = np.zeros(len(self), dtype=bool)
                named[self.index.known_rows(wanted.ids)] = True
                allowed &= named
        if known:
            band = within_band(self.arrays.item_counts, known)
            allowed = band if allowed is None else band & allowed
        return allowed

    @cached_property
    def most_rated(self) -> Int64Array:
        """Rows of the MOST_RATED most rated recommendable items, ascending."""
        counts = np.where(np.isfinite(self.popularity), self.arrays.item_counts, -np.inf)
        return np.sort(top_n(counts, MOST_RATED))

    def best(
        self,
        vector: FloatArray,
        n: int,
        excluded_rows: IntArray,
        allowed: BoolArray | None,
        neighbour_scores: Float64Array | None,
    ) -> tuple[Int64Array, Float64Array]:
        """Return rows and scores of the ``n`` best items for a person's ranking vector, (rank,).

        ``allowed``: a mask, (items,). ``neighbour_scores`` (items,) are added to the scores.
        """
        return top_of(self._orders, vector, n, excluded_rows, allowed, neighbour_scores)

    def rank(
        self,
        vector: FloatArray,
        row: int,
        excluded_rows: IntArray,
        neighbour_scores: Float64Array | None,
    ) -> int | None:
        """Return the rank of an item in the whole list that ``best`` would give, from 1; None if it
        is not in it."""
        return rank_among(self._orders, vector, row, excluded_rows, neighbour_scores)


class _OfRelease:
    """What is read from a release once, for the items with and without added ones."""

    def __init__(self, release: Release):
        self._release = release

    @cached_property
    def metadata(self) -> ItemMetadata:
        return ItemMetadata.of(self._release)
