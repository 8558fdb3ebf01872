"""Compiled kernels that order ratings by row, and keep the newest of each pair."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recommender.arrays import BoolArray, Int64Array
from spark_jobs.als.kernels import FAST


@njit(**FAST)
def order_by_row(rows: NDArray[np.int32], row_count: int) -> tuple[Int64Array, Int64Array]:
    """Sort by counting, stably: return (starts, order), row ``r`` being at
    ``order[starts[r]:starts[r + 1]]``."""
    starts = np.zeros(row_count + 1, np.int64)
    for row in rows:
        starts[row + 1] += 1
    for row in range(row_count):
        starts[row + 1] += starts[row]
    free = starts[:-1].copy()
    order = np.empty(len(rows), np.int64)
    for n in range(len(rows)):
        order[free[rows[n]]] = n
        free[rows[n]] += 1
    return starts, order


@njit(**FAST)
def next_places(free: Int64Array, counts: NDArray[np.int32]) -> Int64Array:
    """Return the places of the next ``counts`` ratings of each row, and advance ``free``."""
    places = np.empty(counts.sum(), np.int64)
    done = 0
    for row in range(len(counts)):
        for n in range(counts[row]):
            places[done + n] = free[row] + n
        done += counts[row]
        free[row] += counts[row]
    return places


@njit(**FAST)
def newest(
    starts: Int64Array, columns: NDArray[np.int32], seconds: Int64Array, column_count: int
) -> BoolArray:
    """Mark the newest rating of each (row, column); of two equally new ones, the later."""
    kept = np.ones(len(columns), np.bool_)
    best = np.full(column_count, -1, np.int64)
    for row in range(len(starts) - 1):
        for n in range(starts[row], starts[row + 1]):
            before = best[columns[n]]
            if before < starts[row]:
                best[columns[n]] = n
            elif seconds[n] >= seconds[before]:
                kept[before] = False
                best[columns[n]] = n
            else:
                kept[n] = False
    return kept
