"""The neighbourhood in serving: what ratings add to the scores of items like theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender.arrays import Float64Array, FloatArray, Int64Array, IntArray
from recommender.params import LIKED, NeighbourhoodParams
from recommender.storage.release import NeighbourArrays, Release


def counted(preferences: Any, objective: str) -> Any:
    """Return what ratings count as: their signed preferences, or 1 each where whatever was watched
    counts. Training and serving both count so."""
    return preferences if objective == LIKED else np.ones_like(preferences)


class Neighbourhood:
    """Adds ``w·Σ_i s_i·B[i, j]`` to the score of each item ``j``, ``B`` given by source ``i``.

    ``targets``: the number of the items that are added to, of which the first is at the row
    ``first``; ``neighbour_rows`` count from there.
    """

    def __init__(
        self, arrays: NeighbourArrays, params: NeighbourhoodParams, targets: int, first: int = 0
    ):
        # Plain views of the mapped files, which are sliced faster than np.memmap.
        self._starts = np.asarray(arrays.neighbour_starts)
        self._rows = np.asarray(arrays.neighbour_rows)
        self._weights = np.asarray(arrays.neighbour_weights)
        self._params = params
        self._sources = len(self._starts) - 1
        self._targets, self._first = targets, first

    @classmethod
    def from_release(cls, release: Release) -> Neighbourhood | None:
        """Return None for a release without a neighbourhood."""
        if release.neighbourhood is None or release.neighbours is None:
            return None
        return cls(release.neighbours, release.neighbourhood, len(release.arrays.item_ids))

    def scores(self, rows: Int64Array, preferences: FloatArray) -> Float64Array:
        """Return what the ratings add to each target's score, (targets,); most are 0.

        ``rows`` of the rated items, and their signed ``preferences``, (n,). Items that came after
        training add nothing.
        """
        known = rows < self._sources
        rows, preferences = rows[known], preferences[known]
        # In order of rows, so that sums do not depend on the order of ratings.
        order = np.argsort(rows)
        places, lengths = self._places(rows[order])
        added = self._weights[places] * np.repeat(self._strengths(preferences)[order], lengths)
        sums = np.bincount(self._rows[places], added, minlength=self._targets)
        return np.asarray(sums, np.float64)

    def parts(self, rows: Int64Array, preferences: FloatArray, row: int) -> Float64Array:
        """Return what each of the ratings adds to the score of the item at ``row``, (n,)."""
        known = np.flatnonzero(rows < self._sources)
        places, lengths = self._places(rows[known])
        found = self._rows[places] == row - self._first
        weights = np.zeros(len(rows))
        weights[np.repeat(known, lengths)[found]] = self._weights[places[found]]
        return weights * self._strengths(preferences)

    def weights_of(self, source: int) -> tuple[IntArray, FloatArray]:
        """Return rows of the items that a rating of ``source`` adds to, and the weights."""
        piece = slice(0, 0)
        if source < self._sources:
            piece = slice(self._starts[source], self._starts[source + 1])
        return self._rows[piece], self._weights[piece].astype(np.float64)

    def _places(self, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return the places of all weights of the sources ``rows``, and how many each has.

        At once: slices cost more, of which there is one a rating.
        """
        starts = self._starts[rows]
        lengths = self._starts[rows + 1] - starts
        ends = np.cumsum(lengths)
        return np.repeat(starts - ends + lengths, lengths) + np.arange(lengths.sum()), lengths

    def _strengths(self, preferences: FloatArray) -> Float64Array:
        return np.asarray(self._params.weight * counted(preferences, self._params.objective))
