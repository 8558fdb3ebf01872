"""Exact top-N, from given scores or without computing most of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import (
    BoolArray,
    Float32Array,
    Float64Array,
    FloatArray,
    Int64Array,
    IntArray,
)

Number = TypeVar("Number", bound=np.generic)
# Rows that share a bound, and bounds of the first piece that is searched.
BOUND = 256
FIRST = 4
# The relative error of single precision, as a share of |x|·|y| for each number of a vector.
ROUNDING = float(np.finfo(np.float32).eps)
LOWEST = float(np.finfo(np.float32).min)
# Rows per chunk of scores in double precision.
AT_A_TIME = 4096
# About how many items with the most added to their scores are looked at first, and from how many
# it is estimated where they begin.
HEAD, SAMPLED = 128, 1024


def top_n(scores: FloatArray, n: int, excluded_rows: IntArray | None = None) -> Int64Array:
    """Return rows of the ``n`` highest scores, best first; equal scores in order of row.

    ``scores``: shape (items,); -inf means "never". Fewer than ``n`` where fewer qualify.
    """
    if n <= 0:
        return np.empty(0, dtype=np.int64)
    scores = np.array(scores)
    if excluded_rows is not None:
        scores[excluded_rows] = -np.inf
    if n < len(scores):
        threshold = np.partition(scores, -n)[-n]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    candidates = candidates[scores[candidates] > -np.inf]
    best_first = np.argsort(-scores[candidates], kind="stable")
    return candidates[best_first][:n]


def scores_of(factors: Float32Array, offsets: Float64Array, vector: FloatArray) -> Float64Array:
    """Return ``x·y_i + offset_i`` in double precision, (items,). A row's score does not depend on
    its neighbours, so equal rows have equal scores."""
    x = np.asarray(vector, np.float64)
    products = np.empty(len(factors))
    for start in range(0, len(factors), AT_A_TIME):
        part = slice(start, start + AT_A_TIME)
        (factors[part] * x).sum(axis=1, out=products[part])
    return products + offsets


def _nth_best(scores: Float32Array, n: int) -> float:
    return max(float(np.partition(scores, -n)[-n]), LOWEST) if len(scores) >= n else LOWEST


def _head_limit(added: Float64Array) -> float:
    """Return an amount, at least 0, that about HEAD items exceed."""
    sample = added[:: max(1, len(added) // SAMPLED)]
    share = min(max(1, HEAD * len(sample) // len(added)), len(sample))
    return max(0.0, float(np.partition(sample, -share)[-share]))


class BestFirst:
    """Items in an order in which the best for most people come early.

    Returns exactly what ``top_n`` of ``scores_of`` does, but stops where no remaining item can
    reach the n-th best score: ``x·y + offset ≤ |x|·|y| + offset`` (Cauchy–Schwarz), bounded for
    BOUND items at a time.

    A person's own amounts may be added to the scores, (items,) by row, ``added``: the largest are
    looked at first, and no other exceeds a limit, by which all bounds are raised.

    ``factors``: (items, rank). ``offsets``: (items,), added to each score; -inf means "never".
    ``first_row``: of the items, which follow others; what is passed to the methods is by row and
    may be of others too.
    """

    def __init__(self, factors: Float32Array, offsets: Float64Array, first_row: int = 0):
        norms = np.sqrt(np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
        able = np.flatnonzero(offsets > -np.inf)
        # A good match scores about 1 in the implicit objective, also with the longest vectors.
        likely = norms[able] / max(norms.max(initial=0.0), np.finfo(float).tiny) + offsets[able]
        order = able[np.argsort(-likely, kind="stable")]
        self._first_row, self._rows = first_row, order + first_row
        self._factors = np.ascontiguousarray(factors[order], np.float32)
        self._offsets = np.asarray(offsets, np.float64)[order]
        self._single_offsets = self._offsets.astype(np.float32)
        self._places = np.full(first_row + len(factors), -1)
        self._places[self._rows] = np.arange(len(self._rows))
        starts = np.arange(0, len(self._rows), BOUND)
        self._norms = np.maximum.reduceat(norms[order], starts) if len(starts) else starts
        self._longest = self._norms.max(initial=0.0)
        self._highest = np.maximum.reduceat(self._offsets, starts) if len(starts) else starts
        self._largest_offset = np.abs(self._offsets).max(initial=0.0)

    def top(
        self,
        vector: FloatArray,
        n: int,
        excluded_rows: IntArray,
        allowed: BoolArray | None = None,
        added: Float64Array | None = None,
        floor: float = LOWEST,
    ) -> tuple[Int64Array, Float64Array]:
        """Return rows of the ``n`` highest scores, best first, and these scores.

        ``vector``: the person's, (rank,). ``allowed``: a mask, (items,). ``floor``: items with
        lower scores may be left out.
        """
        if n <= 0 or not len(self._rows):
            return np.empty(0, np.int64), np.empty(0)
        if floor > LOWEST and self._highest_bound(vector, added) < floor:
            return np.empty(0, np.int64), np.empty(0)
        x = np.asarray(vector, np.float32)
        excluded_rows = self._own(excluded_rows)
        bounds, head = self._bounds(vector, added, excluded_rows, allowed)
        unsure = self._unsure(bounds, added)
        places, best = head, self._scores(head, x, added)
        left_out = np.concatenate([self._places[excluded_rows], head])  # each item once
        low, size = 0, FIRST
        least = max(_nth_best(best, n), floor) - 2 * unsure
        end = len(bounds) - int(np.searchsorted(bounds[::-1], least))
        while low < end:
            high = min(low + size, end)
            piece = slice(low * BOUND, high * BOUND)
            scores = self._scores(piece, x, added)
            self._forbid(scores, piece.start, left_out, allowed)
            if len(best) < n:
                least = max(_nth_best(scores, n), floor) - 2 * unsure
            better = np.flatnonzero(scores >= least)
            places = np.concatenate([places, better + piece.start])
            best = np.concatenate([best, scores[better]])
            least = max(_nth_best(best, n), floor) - 2 * unsure
            kept = best >= least
            places, best = places[kept], best[kept]
            # Bounds descend: items beyond the last sufficient bound cannot qualify.
            end = len(bounds) - int(np.searchsorted(bounds[::-1], least))
            low, size = high, 2 * size
        exact, rows = self._exact_scores(places, vector, added), self._rows[places]
        best_first = np.lexsort((rows, -exact))[:n]
        return rows[best_first], exact[best_first]

    def score(
        self, vector: FloatArray, row: int, added: Float64Array | None = None
    ) -> float | None:
        """Return the score of one of these items; None for one that is never listed, or another."""
        place = self._places[row] if row < len(self._places) else -1
        if place < 0:
            return None
        (score,) = self._exact_scores(np.array([place]), vector, added)
        return float(score)

    def before(
        self,
        vector: FloatArray,
        score: float,
        row: int,
        excluded_rows: IntArray,
        added: Float64Array | None = None,
    ) -> int:
        """Return how many items ``top`` would list before one with this score and row."""
        if not len(self._rows):
            return 0
        x = np.asarray(vector, np.float32)
        excluded_rows = self._own(excluded_rows)
        bounds, head = self._bounds(vector, added, excluded_rows)
        unsure = self._unsure(bounds, added)
        # Bounds descend: no item beyond the last sufficient bound ranks before it.
        end = BOUND * (len(bounds) - int(np.searchsorted(bounds[::-1], score - 2 * unsure)))
        end = min(end, len(self._rows))
        head = head[head >= end]
        first = self._scores(slice(0, end), x, added)
        self._forbid(first, 0, self._places[excluded_rows])
        scores = np.concatenate([first, self._scores(head, x, added)])
        places = np.concatenate([np.arange(end), head])
        near = np.abs(scores - score) <= unsure
        exact = self._exact_scores(places[near], vector, added)
        before = (scores > score + unsure).sum() + (exact > score).sum()
        return int(before + ((exact == score) & (self._rows[places[near]] < row)).sum())

    def _own(self, rows: IntArray) -> IntArray:
        """Leave out rows that follow those of these items."""
        return rows[rows < len(self._places)]

    def _own_part(self, of_all: NDArray[Number]) -> NDArray[Number]:
        """Leave out what is of other items, whose amounts may be much larger."""
        return of_all[self._first_row : len(self._places)]

    def _highest_bound(self, vector: FloatArray, added: Float64Array | None) -> float:
        """Return what no score exceeds, also where it was rounded."""
        most = float(np.linalg.norm(vector)) * self._longest + self._highest.max()
        if added is not None:
            most += max(0.0, self._own_part(added).max())
        return float(most + abs(most) * ROUNDING)

    def _bounds(
        self,
        vector: FloatArray,
        added: Float64Array | None,
        excluded_rows: IntArray,
        allowed: BoolArray | None = None,
    ) -> tuple[Float64Array, Int64Array]:
        """Return upper bounds of the scores from each run of BOUND items to the last item, and the
        places of the items that may be listed for which they do not hold."""
        each = float(np.linalg.norm(vector)) * self._norms + self._highest
        bounds = np.maximum.accumulate(each[::-1])[::-1]
        if added is None:
            return bounds, np.empty(0, np.int64)
        own = self._own_part(added)
        limit = _head_limit(own)
        above = own > limit
        above[excluded_rows[excluded_rows >= self._first_row] - self._first_row] = False
        if allowed is not None:
            above &= self._own_part(allowed)
        head = self._places[self._first_row + np.flatnonzero(above)]
        return bounds + limit, head[head >= 0]

    def _unsure(self, bounds: Float64Array, added: Float64Array | None) -> float:
        """Return by how much scores in single precision may be wrong."""
        largest = self._largest_offset
        if added is not None:
            own = self._own_part(added)
            largest += max(own.max(), -own.min())
        return self._factors.shape[1] * ROUNDING * float(bounds[0] + 2 * largest)

    def _scores(
        self, places: Int64Array | slice, x: Float32Array, added: Float64Array | None
    ) -> Float32Array:
        """Return scores in single precision."""
        scores = self._factors[places] @ x + self._single_offsets[places]
        if added is not None:
            scores += added[self._rows[places]]
        return scores

    def _exact_scores(
        self, places: Int64Array, vector: FloatArray, added: Float64Array | None
    ) -> Float64Array:
        scores = scores_of(self._factors[places], self._offsets[places], vector)
        return scores if added is None else scores + added[self._rows[places]]

    def _forbid(
        self,
        scores: Float32Array,
        start: int,
        left_out: Int64Array,
        allowed: BoolArray | None = None,
    ) -> None:
        """Set scores of items to -inf. ``left_out``: places."""
        there = left_out - start
        scores[there[(there >= 0) & (there < len(scores))]] = -np.inf
        if allowed is not None:
            scores[~allowed[self._rows[start : start + len(scores)]]] = -np.inf


def top_of(
    orders: Sequence[BestFirst],
    vector: FloatArray,
    n: int,
    excluded_rows: IntArray,
    allowed: BoolArray | None = None,
    added: Float64Array | None = None,
) -> tuple[Int64Array, Float64Array]:
    """Return what ``BestFirst.top`` would of the items of all ``orders`` together."""
    lists = []
    floor = LOWEST
    for order in orders:
        lists.append(order.top(vector, n, excluded_rows, allowed, added, floor))
        rows, scores = lists[-1]
        if len(scores) >= n > 0:
            floor = max(floor, float(scores[-1]))
    if len(lists) == 1:
        return lists[0]
    rows, scores = (np.concatenate(column) for column in zip(*lists, strict=True))
    best_first = np.lexsort((rows, -scores))[: max(n, 0)]
    return rows[best_first], scores[best_first]


def rank_among(
    orders: Sequence[BestFirst],
    vector: FloatArray,
    row: int,
    excluded_rows: IntArray,
    added: Float64Array | None = None,
) -> int | None:
    """Return the rank of ``row`` in the whole list that ``top_of`` would give, from 1; None if it
    is not in it."""
    scores = [order.score(vector, row, added) for order in orders]
    score = next((score for score in scores if score is not None), None)
    if score is None or row in excluded_rows:
        return None
    before = (order.before(vector, score, row, excluded_rows, added) for order in orders)
    return 1 + sum(before)
