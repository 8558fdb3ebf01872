"""Compiled kernels of the neighbourhood: sums of products of ratings, and small ridge systems.

Users and items are rows of one sparse matrix of preferences in both orders; items are numbered by
popularity, the most rated first, so that the sums that most ratings add to share cache lines. All
run without the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint32
from numpy.typing import NDArray

from recommender.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from spark_jobs.als.kernels import FAST

# Constants of SplitMix64 (Steele, Lea, Flood 2014).
GAMMA, FIRST_MIX, SECOND_MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
Rows = NDArray[np.int32]
NOBODY = -1
# Below this share of its diagonal a pivot is rounding: sums are in single precision.
LEAST_PIVOT = 1e-6


@njit(**FAST)
def transpose(
    starts: Int64Array, columns: Rows, values: Float32Array, column_count: int
) -> tuple[Int64Array, Rows, Float32Array]:
    """Return (starts, rows, values) by column, each column's rows ascending."""
    turned = np.zeros(column_count + 1, np.int64)
    for column in columns:
        turned[column + 1] += 1
    for column in range(column_count):
        turned[column + 1] += turned[column]
    free = turned[:-1].copy()
    rows = np.empty(len(columns), np.int32)
    turned_values = np.empty(len(columns), np.float32)
    for row in range(len(starts) - 1):
        for n in range(starts[row], starts[row + 1]):
            place = free[columns[n]]
            free[columns[n]] += 1
            rows[place] = row
            turned_values[place] = values[n]
    return turned, rows, turned_values


@njit(**FAST)
def draw(starts: Int64Array, columns: Rows, most: int, seed: int) -> BoolArray:
    """Mark ``most`` entries of each row that has more, drawn by a hash of seed, row and column."""
    kept = np.ones(len(columns), np.bool_)
    for row in range(len(starts) - 1):
        start, end = starts[row], starts[row + 1]
        if end - start > most:
            lots = np.empty(end - start, np.uint64)
            base = _mixed(np.uint64(seed) * np.uint64(GAMMA) + np.uint64(row))
            for n in range(start, end):
                lots[n - start] = _mixed(base + np.uint64(columns[n]))
            limit = np.sort(lots)[most]
            for n in range(start, end):
                kept[n] = lots[n - start] < limit
    return kept


@njit(**FAST)
def _mixed(number: np.uint64) -> np.uint64:
    number = number + np.uint64(GAMMA)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(FIRST_MIX)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(SECOND_MIX)
    return number ^ (number >> np.uint64(31))


@njit(**FAST)
def nearest(
    user_starts: Int64Array,
    user_items: Rows,
    user_values: Float32Array,
    item_starts: Int64Array,
    item_users: Rows,
    item_values: Float32Array,
    inverse_lengths: Float32Array,
    targets: Rows,
    most: int,
) -> tuple[Rows, Float32Array]:
    """Find for each target ``j`` the ``most`` items ``c`` with the largest
    ``G_cj · inverse_lengths_c`` above 0, the more popular of equal ones.

    Returns the items, ascending, and their ``G_cj``, each (targets, most); NOBODY and 0 where there
    are fewer.
    """
    items = len(item_starts) - 1
    sums = np.zeros(items, np.float32)
    found = np.full((len(targets), most), NOBODY, np.int32)
    found_sums = np.zeros((len(targets), most), np.float32)
    heap = np.empty(most, np.float32)
    heap_items = np.empty(most, np.int32)
    for t in range(len(targets)):
        target = targets[t]
        products = 0
        for k in range(item_starts[target], item_starts[target + 1]):
            user, value = item_users[k], item_values[k]
            rated = user_items[user_starts[user] : user_starts[user + 1]]
            values = user_values[user_starts[user] : user_starts[user + 1]]
            products += len(rated)
            # Unsigned, so that no index is taken from the end: half the time.
            for n in range(len(rated)):
                sums[uint32(rated[n])] += value * values[n]
        sums[target] = 0
        size = 0
        if products >= items:
            for item in range(items):
                likeness = sums[item] * inverse_lengths[item]
                if likeness > 0 and (size < most or likeness >= heap[0]):
                    size = _offer(heap, heap_items, size, likeness, item)
        else:
            # Few products: going through them again is less than going through all items.
            for k in range(item_starts[target], item_starts[target + 1]):
                user = item_users[k]
                for n in range(user_starts[user], user_starts[user + 1]):
                    item = user_items[n]
                    likeness = sums[item] * inverse_lengths[item]
                    if likeness > 0 and (size < most or likeness >= heap[0]):
                        size = _offer(heap, heap_items, size, likeness, item)
                    if likeness != 0:
                        sums[item] = -abs(sums[item])
        chosen = np.sort(heap_items[:size])
        for n in range(size):
            found[t, n] = chosen[n]
            found_sums[t, n] = abs(sums[chosen[n]])
        if products >= items:
            sums[:] = 0
        else:
            for k in range(item_starts[target], item_starts[target + 1]):
                user = item_users[k]
                for n in range(user_starts[user], user_starts[user + 1]):
                    sums[user_items[n]] = 0
    return found, found_sums


@njit(**FAST)
def _offer(heap: Float32Array, heap_items: Rows, size: int, likeness: float, item: int) -> int:
    """Add to a heap whose root is the least like, of equals the least popular; return its size."""
    most = len(heap)
    if size < most:
        place = size
        while place > 0:
            parent = (place - 1) // 2
            if not _less(likeness, item, heap[parent], heap_items[parent]):
                break
            heap[place], heap_items[place] = heap[parent], heap_items[parent]
            place = parent
        heap[place], heap_items[place] = likeness, item
        return size + 1
    if not _less(heap[0], heap_items[0], likeness, item):
        return size
    place = 0
    while True:
        child = 2 * place + 1
        if child >= most:
            break
        if child + 1 < most and _less(
            heap[child + 1], heap_items[child + 1], heap[child], heap_items[child]
        ):
            child += 1
        if not _less(heap[child], heap_items[child], likeness, item):
            break
        heap[place], heap_items[place] = heap[child], heap_items[child]
        place = child
    heap[place], heap_items[place] = likeness, item
    return size


@njit(**FAST)
def _less(likeness: float, item: int, other_likeness: float, other: int) -> bool:
    return likeness < other_likeness or (likeness == other_likeness and item > other)


@njit(**FAST)
def weigh(
    user_starts: Int64Array,
    user_items: Rows,
    user_values: Float32Array,
    item_starts: Int64Array,
    item_users: Rows,
    item_values: Float32Array,
    diagonal: Float64Array,
    neighbours: Rows,
    right: Float32Array,
) -> tuple[Float32Array, bool]:
    """Solve ``G_CC w = G_Cj`` for each row of ``neighbours``, exactly, by Cholesky.

    ``neighbours`` and ``right`` as ``nearest`` returns them; ``diagonal``: that of G with its
    ridge, (items,). Returns the weights, 0 in unused places, and whether every system was positive
    definite.
    """
    rows, most = neighbours.shape
    items = len(item_starts) - 1
    # Where each item occurs: ``row·most + place``.
    occurrences = np.zeros(items + 1, np.int64)
    for row in range(rows):
        for place in range(most):
            if neighbours[row, place] >= 0:
                occurrences[neighbours[row, place] + 1] += 1
    for item in range(items):
        occurrences[item + 1] += occurrences[item]
    free = occurrences[:-1].copy()
    places = np.empty(occurrences[items], np.int64)
    for row in range(rows):
        for place in range(most):
            item = neighbours[row, place]
            if item >= 0:
                places[free[item]] = row * most + place
                free[item] += 1
    # The lower triangles without diagonals.
    triangles = np.empty((rows, most * (most - 1) // 2), np.float32)
    sums = np.zeros(items, np.float32)
    for item in range(items):
        if occurrences[item] == occurrences[item + 1]:
            continue
        for k in range(item_starts[item], item_starts[item + 1]):
            user, value = item_users[k], item_values[k]
            rated = user_items[user_starts[user] : user_starts[user + 1]]
            values = user_values[user_starts[user] : user_starts[user + 1]]
            # Ascending, so that those before the item itself are the more popular ones.
            for n in range(len(rated)):
                if rated[n] >= item:
                    break
                sums[uint32(rated[n])] += value * values[n]
        for k in range(occurrences[item], occurrences[item + 1]):
            row, place = places[k] // most, places[k] % most
            first = place * (place - 1) // 2
            for n in range(place):
                triangles[row, first + n] = sums[neighbours[row, n]]
        sums[:item] = 0
    weights = np.zeros((rows, most), np.float32)
    definite = True
    factor = np.empty((most, most), np.float64)
    solution = np.empty(most, np.float64)
    for row in range(rows):
        size = 0
        while size < most and neighbours[row, size] >= 0:
            size += 1
        if not _cholesky(triangles[row], diagonal, neighbours[row], size, factor):
            definite = False
            break
        _substitute(factor, right[row], size, solution)
        for n in range(size):
            weights[row, n] = solution[n]
    return weights, definite


@njit(**FAST)
def _cholesky(
    triangle: Float32Array,
    diagonal: Float64Array,
    neighbours: Rows,
    size: int,
    factor: Float64Array,
) -> bool:
    """Fill the lower triangle of ``factor``; return whether the matrix is positive definite
    beyond rounding."""
    for i in range(size):
        first = i * (i - 1) // 2
        for j in range(i):
            total = 0.0
            for k in range(j):
                total += factor[i, k] * factor[j, k]
            factor[i, j] = (triangle[first + j] - total) / factor[j, j]
        total = 0.0
        for k in range(i):
            total += factor[i, k] * factor[i, k]
        pivot = diagonal[neighbours[i]] - total
        if not pivot > LEAST_PIVOT * diagonal[neighbours[i]]:
            return False
        factor[i, i] = np.sqrt(pivot)
    return True


@njit(**FAST)
def _substitute(
    factor: Float64Array, right: Float32Array, size: int, solution: Float64Array
) -> None:
    """Solve ``L·Lᵀ·solution = right``."""
    for i in range(size):
        total = np.float64(right[i])
        for k in range(i):
            total -= factor[i, k] * solution[k]
        solution[i] = total / factor[i, i]
    for i in range(size - 1, -1, -1):
        solution[i] /= factor[i, i]
        for k in range(i):
            solution[k] -= factor[i, k] * solution[i]
