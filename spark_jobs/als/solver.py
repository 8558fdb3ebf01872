"""Alternating least squares on blocks: Marquee's own solver.

Each half-iteration shares the fixed side's factors and improves the rows of each block with
compiled kernels: in threads on one machine, in Spark tasks on a cluster. Rows start from their
previous vectors, so that few conjugate gradient steps suffice; the last half-iteration, the users',
is solved to convergence, so that folding a trained user in returns the trained vector.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.errors import ConfigError, SetupError
from recommender.fold_in import Ridge, gram
from recommender.params import RankingParams, RatingParams
from spark_jobs.als import kernels
from spark_jobs.als.rating_blocks import Block, BlockedRatings, BlockedSide
from spark_jobs.array_cache import Shared
from spark_jobs.threads import one_blas_thread

STEPS = 3
LAST_STEPS = 200
LAST_TOLERANCE = 1e-7
LARGEST_CODE = np.iinfo(np.int16).max
# Systems whose smallest eigenvalue is below this share of the largest are singular in float32.
LEAST_RIDGE = 1e-7
# Copies of the factors that the driver holds at the worst moment: old, new, gathered, broadcast.
COPIES = 5
MEMORY_FACTS = Path("/proc/meminfo")  # on Linux
Vectors = Float32Array
Params = RankingParams | RatingParams


@dataclass(frozen=True)
class Factors:
    """Ids, int64 ascending, and the float32 factors of each, shape (ids, rank)."""

    ids: Int64Array
    vectors: Vectors

    def vectors_of(self, ids: Int64Array) -> Vectors:
        """Return the vectors of ``ids``, zeros for an id that was not fitted."""
        rows = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where((self.ids[rows] == ids)[:, None], self.vectors[rows], np.float32(0))


@dataclass(frozen=True)
class FittedFactors:
    users: Factors
    items: Factors


def fit(
    ratings: BlockedRatings,
    params: Params,
    seed: int,
    start: Factors | None = None,
    tick: Callable[[], None] = lambda: None,
) -> FittedFactors:
    """Fit both sides. Ranking parameters mean signed preferences, rating parameters residuals.

    ``start``: item factors to start from, of another fit with the same rank (default: random user
    factors). ``tick`` is called after each of the ``2 * iterations`` half-iterations. Raises
    ConfigError for a system that is singular in single precision, SetupError where the driver's
    memory does not hold the factors.
    """
    users, items = ratings.users, ratings.items
    _check_regular(params, users, items)
    _check_memory(params.rank, len(users.ids) + len(items.ids))
    if start is None:
        x = _share(users, _random(len(users.ids), params.rank, seed))
        y = _share(items, np.zeros((len(items.ids), params.rank), np.float32))
    else:
        y = _share(items, start.vectors_of(items.ids))
        x = _share(users, np.zeros((len(users.ids), params.rank), np.float32))
        x = _half(params, users, y, x, to_the_end=True)
    for iteration in range(params.iterations):
        y = _half(params, items, x, y)
        tick()
        x = _half(params, users, y, x, to_the_end=iteration == params.iterations - 1)
        tick()
    user_vectors = x.coded.vectors()
    item_vectors = y.coded.vectors()
    x.sent.destroy()
    y.sent.destroy()
    return FittedFactors(Factors(users.ids, user_vectors), Factors(items.ids, item_vectors))


def solve_rows(block: Block, fixed: Vectors, params: Params) -> Vectors:
    """Return the vectors of a block's rows, solved to convergence. ``block``: signed preferences
    for ranking parameters, residuals for rating parameters. ``fixed``: the other side's vectors."""
    vectors = np.zeros((len(block.counts), fixed.shape[1]), np.float32)
    exact = QuantizedFactors.exact(fixed)
    _improve(vectors, block, exact, gram(fixed), params, to_the_end=True)
    return vectors


def _improve(
    vectors: Vectors,
    block: Block,
    fixed: QuantizedFactors,
    fixed_gram: Float64Array,
    params: Params,
    to_the_end: bool,
) -> None:
    """Improve the vectors of a block's rows in place, the other side's being ``fixed``."""
    implicit = isinstance(params, RankingParams)
    dense = fixed_gram if implicit else np.zeros_like(fixed_gram)
    ridge = Ridge.from_params(params, len(fixed))
    kernels.solve_rows(
        starts=block.starts,
        columns=block.columns,
        values=block.wide_values,
        codes=fixed.codes,
        scales=fixed.scales,
        gram=dense.astype(np.float32),
        vectors=vectors,
        implicit=implicit,
        alpha=params.alpha if isinstance(params, RankingParams) else 1.0,
        regularization=ridge.regularization,
        exponent=ridge.exponent,
        unrated=ridge.unrated,
        steps=LAST_STEPS if to_the_end else STEPS,
        tolerance=LAST_TOLERANCE if to_the_end else 0.0,
    )


def _random(rows: int, rank: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((rows, rank), np.float32)
    return vectors / np.float32(np.sqrt(rank))


@dataclass(frozen=True)
class QuantizedFactors:
    """Vectors as the kernel gathers them, and as they travel: row ``r`` is ``codes[r]·scales[r]``.

    Rounding to 16 bits moves a number by at most 1/65534 of its row's largest, far less than two
    steps of an inner solver leave.
    """

    codes: NDArray[np.int16] | Vectors
    scales: Float32Array

    @classmethod
    def rounded(cls, vectors: Vectors) -> QuantizedFactors:
        scales = np.abs(vectors).max(axis=1) / np.float32(LARGEST_CODE)
        divisors = np.where(scales > 0, scales, np.float32(1))
        return cls(np.rint(vectors / divisors[:, None]).astype(np.int16), scales)

    @classmethod
    def exact(cls, vectors: Vectors) -> QuantizedFactors:
        return cls(vectors, np.ones(len(vectors), np.float32))

    @classmethod
    def joined(cls, parts: list[QuantizedFactors]) -> QuantizedFactors:
        codes = np.concatenate([part.codes for part in parts])
        return cls(codes, np.concatenate([part.scales for part in parts]))

    def __len__(self) -> int:
        return len(self.scales)

    def vectors(self, rows: slice = slice(None)) -> Vectors:
        return self.codes[rows] * self.scales[rows, None]


@dataclass(frozen=True)
class _Shared:
    """One side's vectors, shared with the next half-iterations of both sides. ``gram``: of these
    vectors."""

    coded: QuantizedFactors
    gram: Float64Array
    sent: Shared[QuantizedFactors]


def _share(side: BlockedSide, vectors: Vectors) -> _Shared:
    coded = QuantizedFactors.rounded(vectors)
    with one_blas_thread():
        return _Shared(coded, gram(coded.vectors()), side.share(coded))


def _half(
    params: Params, side: BlockedSide, fixed: _Shared, previous: _Shared, to_the_end: bool = False
) -> _Shared:
    """Return new vectors of one side, the other side fixed, and destroy the previous ones.

    Solved ``to_the_end``, they are not quantized.
    """
    sent_fixed, sent_previous, fixed_gram = fixed.sent, previous.sent, fixed.gram

    def solve(block: Block) -> tuple[QuantizedFactors, Float64Array]:
        rows = slice(block.first_row, block.first_row + len(block.counts))
        vectors = sent_previous.value.vectors(rows)
        _improve(vectors, block, sent_fixed.value, fixed_gram, params, to_the_end)
        coded = QuantizedFactors.exact(vectors) if to_the_end else QuantizedFactors.rounded(vectors)
        return coded, gram(coded.vectors())

    solved = list(side.map(solve))
    previous.sent.destroy()
    coded = QuantizedFactors.joined([part for part, _ in solved])
    total = np.sum([part for _, part in solved], axis=0)
    return _Shared(coded, total, side.share(coded))


def _check_regular(params: Params, users: BlockedSide, items: BlockedSide) -> None:
    """Raises ConfigError where the ridge of some row would vanish beside its ratings."""
    weight = 1 + params.alpha if isinstance(params, RankingParams) else 1.0
    for side, others in ((users, items), (items, users)):
        ridge = Ridge.from_params(params, len(others.ids))
        counts = np.array([1.0, side.counts.max()])
        least = float((ridge(counts) / (weight * counts)).min())
        if least < LEAST_RIDGE:
            needed = params.regularization * LEAST_RIDGE / least
            raise ConfigError(
                f"regularization {params.regularization:g} leaves systems that are singular in"
                f" single precision; give at least {needed:.1g}"
            )


def _check_memory(rank: int, rows: int) -> None:
    needed, available = COPIES * 4 * rank * rows, _available_memory()
    if needed > available:
        raise SetupError(
            f"{rows:,} people and titles of rank {rank} need {needed / 1e9:,.1f} GB on the driver,"
            f" which has {available / 1e9:,.1f}; give a lower rank, more memory, or --solver mllib"
        )


def _available_memory() -> int:
    """Return the bytes that a process can still allocate on this machine."""
    if MEMORY_FACTS.exists():
        for line in MEMORY_FACTS.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
