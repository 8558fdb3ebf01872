"""Fits the neighbourhood: each item's score from ratings of the items most like it.

For each item ``j`` a ridge regression on its neighbours ``C_j`` (EASE, Steck 2019, restricted to a
few; in the family of SLIM, Ning and Karypis 2011):

    w_j = (G_CC + λ_n·I)⁻¹ G_Cj      G = SᵀS      C_j: the M items with the largest, above 0,
                                                  G_cj / √(G_cc + λ_n)

``S`` holds the preferences, (users, items). No part of ``G`` is kept beyond an item's own system.
``G_CC`` is exact: cut to its largest entries it may be indefinite. For that a second pass sums the
products again, of pairs of neighbours alone, for as many items at a time as SYSTEMS allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.errors import ConfigError
from recommender.neighbourhood import counted
from recommender.params import NeighbourhoodParams
from recommender.storage.release import NeighbourArrays
from spark_jobs.als import ordering
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.array_cache import CachedArrays, MappedArrays
from spark_jobs.neighbourhood import kernels
from spark_jobs.threads import map_in_threads

# The most bytes of systems that all tasks together build at a time.
SYSTEMS = 1_500_000_000
# How many weights a rating may have in the mean over all ratings: as long as folding in may take.
# Beyond it the smallest are left out, of which there are many where tastes are alike.
MOST_SUMS = 100
WEIGHT = np.dtype([("item", np.int32), ("weight", np.float16)])


class Sparse(NamedTuple):
    """Row ``r`` has ``columns[starts[r]:starts[r + 1]]``, ascending, and ``values`` alike."""

    starts: Int64Array
    columns: NDArray[np.int32]
    values: Float32Array


@dataclass(frozen=True)
class PreferenceMatrix:
    """The preferences that are counted, by user and by item. Its items are numbered by popularity:
    ``numbers`` by row of the catalogue, ``rows`` by number. ``sampled_users``: those with more
    ratings than are counted."""

    users: Sparse
    items: Sparse
    numbers: NDArray[np.int32]
    rows: NDArray[np.int32]
    sampled_users: int

    @classmethod
    def build(
        cls, users: Sparse, item_count: int, most_ratings: int, seed: int
    ) -> PreferenceMatrix:
        """Draw ``most_ratings`` of each user who has more. ``users``: columns in any order."""
        counts = np.diff(users.starts)
        starts, columns, values = users
        if counts.max(initial=0) > most_ratings:
            drawn = kernels.draw(starts, columns, most_ratings, seed)
            starts = np.concatenate([[0], np.cumsum(drawn)])[starts]
            columns, values = columns[drawn], values[drawn]
        popular = np.argsort(-np.bincount(columns, minlength=item_count), kind="stable")
        numbers = np.empty(item_count, np.int32)
        numbers[popular] = np.arange(item_count, dtype=np.int32)
        items = Sparse(*kernels.transpose(starts, numbers[columns], values, item_count))
        users = Sparse(*kernels.transpose(*items, len(counts)))  # now its columns ascend
        sampled = int((counts > most_ratings).sum())
        return cls(users, items, numbers, popular.astype(np.int32), sampled)

    def squares(self) -> Float64Array:
        """Return ``G_cc`` of each item by number."""
        sums = np.concatenate([[0.0], np.cumsum(self.items.values.astype(np.float64) ** 2)])
        return np.diff(sums[self.items.starts])

    def solve(self, targets: NDArray[np.int32], params: NeighbourhoodParams) -> NDArray[np.void]:
        """Return the neighbours' rows and weights of each target, WEIGHT (targets, M); row -1 where
        there are fewer. Raises ConfigError for a system that is singular in single precision."""
        most = min(params.neighbours, len(self.rows))
        diagonal = self.squares() + params.regularization
        lengths = (1 / np.sqrt(diagonal)).astype(np.float32)
        neighbours, right = kernels.nearest(*self.users, *self.items, lengths, targets, most)
        weights, definite = kernels.weigh(*self.users, *self.items, diagonal, neighbours, right)
        solved = np.empty(neighbours.shape, WEIGHT)
        with np.errstate(over="ignore"):
            solved["weight"] = weights
        if not definite or not np.isfinite(solved["weight"]).all():
            raise ConfigError(
                f"neighbourhood: regularization {params.regularization:g} leaves systems that are"
                " singular in single precision; give a higher one"
            )
        solved["item"] = np.where(neighbours < 0, neighbours, self.rows[neighbours])
        return solved


@dataclass(frozen=True)
class FittedNeighbourhood:
    """``by_target``: WEIGHT (items, M), which ``arrays`` holds by source. ``sampled_users``: how
    many had more ratings than are counted."""

    arrays: NeighbourArrays
    by_target: NDArray[np.void]
    sampled_users: int


def fit(preferences: BlockedRatings, params: NeighbourhoodParams, seed: int) -> FittedNeighbourhood:
    """Fit on signed preferences, or on 1 for each where ``params.objective`` is ``watched``.

    The same bytes from the same ratings and seed, however they are partitioned. Raises ConfigError.
    """
    items = len(preferences.items.ids)
    matrix = PreferenceMatrix.build(_gather(preferences, params), items, params.most_ratings, seed)
    shared = preferences.items.share(matrix)
    blocks = preferences.items.blocks
    parts = part_count(items, params.neighbours, blocks.context.defaultParallelism)

    def solve(part: int) -> NDArray[np.void]:
        # Popular and rare ones in each part, so that all take about as long.
        targets = np.arange(part, items, parts, dtype=np.int32)
        return shared.value.solve(targets, params)

    solved = np.empty((items, min(params.neighbours, items)), WEIGHT)
    for part, weights in enumerate(_map_parts(blocks, solve, parts)):
        solved[matrix.rows[part::parts]] = weights
    shared.destroy()
    drop_smallest(solved, preferences.items.counts)
    return FittedNeighbourhood(by_source(solved), solved, matrix.sampled_users)


def _gather(preferences: BlockedRatings, params: NeighbourhoodParams) -> Sparse:
    """Return the preferences by user."""
    blocks = list(preferences.users.map(lambda block: block))
    starts = np.concatenate([[0], np.cumsum(preferences.users.counts)])
    columns = np.concatenate([block.columns for block in blocks]).astype(np.int32)
    values = np.concatenate([block.values for block in blocks]).astype(np.float32)
    return Sparse(starts, columns, counted(values, params.objective))


def drop_smallest(solved: NDArray[np.void], counts: Int64Array) -> None:
    """Set the smallest weights to 0, so that a rating has at most MOST_SUMS in the mean.

    ``counts`` of ratings of each item, as often as its weights are summed.
    """
    share = np.where(solved["item"] < 0, 0.0, counts[solved["item"]] / max(1, counts.sum()))
    sizes = np.abs(solved["weight"]).view(np.uint16)  # ordered as the numbers are
    sums = np.bincount(sizes.ravel(), share.ravel())
    largest_first = np.cumsum(sums[::-1])[::-1]
    solved["weight"][sizes < np.searchsorted(-largest_first, -MOST_SUMS)] = 0


def by_source(solved: NDArray[np.void]) -> NeighbourArrays:
    """Turn each target's weights (items, M) into those of each source item, targets ascending."""
    used = (solved["item"] >= 0) & (solved["weight"] != 0)
    targets = np.repeat(np.arange(len(solved), dtype=np.int32), used.sum(axis=1))
    starts, order = ordering.order_by_row(solved["item"][used], len(solved))
    return NeighbourArrays(starts, targets[order], solved["weight"][used][order])


def part_count(items: int, most: int, threads: int) -> int:
    """Return the number of parts, as few as SYSTEMS allows: each sums the products of pairs of its
    neighbours again."""
    rounds = math.ceil(items * 2 * most * most / SYSTEMS)
    return min(items, threads * rounds)


def _map_parts(
    blocks: CachedArrays[Block], function: Callable[[int], NDArray[np.void]], parts: int
) -> Iterable[NDArray[np.void]]:
    """Solve parts where passes over ``blocks`` run."""
    if isinstance(blocks, MappedArrays):
        return map_in_threads(function, range(parts), blocks.context.defaultParallelism)
    return blocks.context.parallelize(range(parts), parts).map(function).collect()
