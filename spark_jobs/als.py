"""Alternating least squares on packed blocks: Marquee's own solver.

Each half-iteration broadcasts the fixed side's factors and their Gram matrix, improves the rows of
each block in a Spark task with compiled kernels, and gathers the new factors on the driver. Rows
start from their previous vectors, so that few conjugate gradient steps suffice; the last
half-iteration, the users', is solved to the end: folding a trained user in returns the trained
vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark import SparkContext

from recommender.fold_in import Ridge, gram
from recommender.params import RankingParams, RatingParams
from spark_jobs import kernels
from spark_jobs.blocks import Block, Packed, Side

STEPS = 2
LAST_STEPS = 200
LAST_TOLERANCE = 1e-7
Vectors = NDArray[np.float32]
Params = RankingParams | RatingParams


@dataclass(frozen=True)
class Factors:
    """Ids, int64 ascending, and the float32 factors of each, shape (ids, rank)."""

    ids: NDArray[np.int64]
    vectors: Vectors

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        """Rows for ``ids``, zeros for one that was not fitted."""
        found = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where((self.ids[found] == ids)[:, None], self.vectors[found], np.float32(0))


@dataclass(frozen=True)
class FittedFactors:
    users: Factors
    items: Factors


def fit(
    packed: Packed,
    params: Params,
    seed: int,
    titles: int,
    tick: Callable[[], None] = lambda: None,
) -> FittedFactors:
    """Fit both sides. Ranking parameters mean signed strengths, rating parameters residuals.

    ``titles``: how many the release will know, those without a strength included. ``tick`` is
    called after each of the ``2 * iterations`` half-iterations.
    """
    implicit = isinstance(params, RankingParams)
    random = np.random.default_rng(seed)
    users = random.standard_normal((len(packed.users.ids), params.rank), np.float32)
    users /= np.float32(np.sqrt(params.rank))
    items = np.zeros((len(packed.items.ids), params.rank), np.float32)
    if implicit:
        users[packed.users.positives == 0] = 0
    user_ridge = _ridges(packed.users, titles, params)
    item_ridge = _ridges(packed.items, len(packed.users.ids), params)
    for iteration in range(params.iterations):
        items = _half(packed, packed.items, users, items, item_ridge, params, last=False)
        tick()
        last = iteration == params.iterations - 1
        users = _half(packed, packed.users, items, users, user_ridge, params, last)
        tick()
    return FittedFactors(Factors(packed.users.ids, users), Factors(packed.items.ids, items))


def _ridges(side: Side, others: int, params: Params) -> NDArray[np.float32]:
    counted = side.positives if isinstance(params, RankingParams) else side.counts
    return np.asarray(Ridge.of(params, others)(counted), np.float32)


def _half(
    packed: Packed,
    side: Side,
    fixed: Vectors,
    vectors: Vectors,
    ridges: NDArray[np.float32],
    params: Params,
    last: bool,
) -> Vectors:
    """New vectors of one side, the other side fixed."""
    context: SparkContext = packed.blocks.context
    implicit = isinstance(params, RankingParams)
    alpha = params.alpha if isinstance(params, RankingParams) else 1.0
    dense = gram(fixed) if implicit else np.zeros((params.rank, params.rank))
    steps, tolerance = (LAST_STEPS, LAST_TOLERANCE) if last else (STEPS, 0.0)
    shared = context.broadcast((fixed, dense.astype(np.float32), vectors, ridges))

    def solve(blocks: Iterable[Block]) -> list[Vectors]:
        fixed, dense, vectors, ridges = shared.value
        solved = []
        for block in blocks:
            rows = slice(block.first_row, block.first_row + len(block.starts) - 1)
            mine = vectors[rows].copy()
            kernels.solve_rows(
                *(block.starts, block.columns, block.values, fixed, dense, mine),
                *(implicit, alpha, ridges[rows], steps, tolerance),
            )
            solved.append(mine)
        return solved

    in_order = context.runJob(packed.blocks, solve, side.partitions)
    shared.destroy()
    return np.concatenate(in_order)
