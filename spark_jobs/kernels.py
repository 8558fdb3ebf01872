"""Compiled kernels: many rows' normal equations at once, from packed ratings.

The equations are those of ``recommender.fold_in``, and tests hold the two equal. Here they are
solved without being formed, by conjugate gradients (Takács, Pilászy, Tikk 2011), each row starting
from its previous vector. Everything is single precision and runs without the interpreter lock;
numba compiles each kernel once a machine and keeps it on disk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

f32 = np.float32
# Sums may be reassociated, so that they vectorise; NaN and infinity keep their meaning.
_FAST: Any = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}
Floats = NDArray[np.float32]


@njit(**_FAST)
def group_by_row(
    rows: NDArray[np.int32], columns: NDArray[np.int32], values: Floats, row_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
    """Compressed rows from triples, by a counting sort: (starts, columns, values).

    Row ``r`` holds ``columns[starts[r]:starts[r + 1]]``, in the order they came.
    """
    starts = np.zeros(row_count + 1, np.int64)
    for row in rows:
        starts[row + 1] += 1
    for row in range(row_count):
        starts[row + 1] += starts[row]
    free = starts[:-1].copy()
    sorted_columns = np.empty_like(columns)
    sorted_values = np.empty_like(values)
    for n in range(len(rows)):
        place = free[rows[n]]
        free[rows[n]] += 1
        sorted_columns[place] = columns[n]
        sorted_values[place] = values[n]
    return starts, sorted_columns, sorted_values


@njit(**_FAST)
def add_fragment(
    free: NDArray[np.int64],
    counts: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: Floats,
    all_columns: NDArray[np.int32],
    all_values: Floats,
) -> None:
    """Copy a fragment's rows to where ``free`` says each row's next rating goes."""
    done = 0
    for row in range(len(counts)):
        place = free[row]
        for n in range(counts[row]):
            all_columns[place + n] = columns[done + n]
            all_values[place + n] = values[done + n]
        done += counts[row]
        free[row] = place + counts[row]


@njit(**_FAST)
def solve_rows(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: Floats,
    fixed: Floats,
    gram: Floats,
    vectors: Floats,
    implicit: bool,
    alpha: float,
    regularization: Floats,
    steps: int,
    tolerance: float,
) -> None:
    """Improve ``vectors`` (rows, rank) in place by up to ``steps`` conjugate gradient steps.

    Implicit: ``values`` are signed strengths and ``gram`` is that of ``fixed`` over the whole
    catalogue; a row without a positive strength becomes zeros. Explicit: ``values`` are residuals,
    ``gram`` is zeros. ``regularization``: what is added to each row's diagonal, (rows,). A row
    is done when its residual is below ``tolerance`` times its right side.
    """
    rank = fixed.shape[1]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    # The rated rows of ``fixed``, gathered once; padded with zero confidence to a multiple of 4.
    near = np.zeros((longest + 3, rank), f32)
    confidence = np.zeros(longest + 3, f32)
    wanted = np.zeros(longest + 3, f32)
    residual = np.empty(rank, f32)
    direction = np.empty(rank, f32)
    product = np.empty(rank, f32)
    for row in range(len(starts) - 1):
        start, count = starts[row], starts[row + 1] - starts[row]
        vector, ridge = vectors[row], regularization[row]
        positive = _weights(values[start : start + count], implicit, alpha, confidence, wanted)
        padded = (count + 3) // 4 * 4
        confidence[count:padded] = 0
        wanted[count:padded] = 0
        if positive == 0:
            vector[:] = 0
            continue
        _gather(fixed, columns[start : start + count], near)
        goal = _start(near, confidence, wanted, padded, gram, ridge, vector, product, residual)
        error = f32(0)
        for j in range(rank):
            direction[j] = residual[j]
            error += residual[j] * residual[j]
        enough = tolerance * tolerance * goal
        for _ in range(steps):
            if error <= enough:
                break
            _dense_product(gram, ridge, direction, product)
            _add_rated_product(near, confidence, padded, direction, product)
            curvature = f32(0)
            for j in range(rank):
                curvature += direction[j] * product[j]
            length = error / curvature
            before = error
            error = f32(0)
            for j in range(rank):
                vector[j] += length * direction[j]
                residual[j] -= length * product[j]
                error += residual[j] * residual[j]
            for j in range(rank):
                direction[j] = residual[j] + error / before * direction[j]


@njit(**_FAST)
def _weights(
    values: Floats, implicit: bool, alpha: float, confidence: Floats, wanted: Floats
) -> int:
    """Fill each rating's confidence and its part of the right side; count those that count."""
    if not implicit:
        for n in range(len(values)):
            confidence[n] = 1
            wanted[n] = values[n]
        return len(values)
    positive = 0
    for n in range(len(values)):
        confidence[n] = f32(alpha) * abs(values[n])
        wanted[n] = 0
        if values[n] > 0:
            wanted[n] = f32(1) + confidence[n]
            positive += 1
    return positive


@njit(**_FAST)
def _gather(fixed: Floats, columns: NDArray[np.int32], near: Floats) -> None:
    for n in range(len(columns)):
        source, target = fixed[columns[n]], near[n]
        for j in range(fixed.shape[1]):
            target[j] = source[j]


@njit(**_FAST)
def _dense_product(gram: Floats, ridge: float, vector: Floats, product: Floats) -> None:
    """``product = (gram + ridge·I) vector``"""
    rank = len(vector)
    for j in range(rank):
        product[j] = ridge * vector[j]
    for i in range(rank):
        weight = vector[i]
        for j in range(rank):
            product[j] += weight * gram[i, j]


@njit(**_FAST)
def _add_rated_product(
    near: Floats, confidence: Floats, padded: int, vector: Floats, product: Floats
) -> None:
    """``product += Σ c_i·y_i·(y_i·vector)``, four ratings at a time to use each load four times."""
    rank = len(vector)
    for n in range(0, padded, 4):
        a, b, c, d = f32(0), f32(0), f32(0), f32(0)
        for j in range(rank):
            x = vector[j]
            a += near[n, j] * x
            b += near[n + 1, j] * x
            c += near[n + 2, j] * x
            d += near[n + 3, j] * x
        a *= confidence[n]
        b *= confidence[n + 1]
        c *= confidence[n + 2]
        d *= confidence[n + 3]
        for j in range(rank):
            product[j] += (
                a * near[n, j] + b * near[n + 1, j] + c * near[n + 2, j] + d * near[n + 3, j]
            )


@njit(**_FAST)
def _start(
    near: Floats,
    confidence: Floats,
    wanted: Floats,
    padded: int,
    gram: Floats,
    ridge: float,
    vector: Floats,
    product: Floats,
    residual: Floats,
) -> Any:
    """``residual = Σ wanted_i·y_i − A·vector``; returns the squared norm of the right side."""
    rank = len(vector)
    _dense_product(gram, ridge, vector, product)
    _add_rated_product(near, confidence, padded, vector, product)
    for j in range(rank):
        residual[j] = 0
    for n in range(0, padded, 4):
        a, b, c, d = wanted[n], wanted[n + 1], wanted[n + 2], wanted[n + 3]
        for j in range(rank):
            residual[j] += (
                a * near[n, j] + b * near[n + 1, j] + c * near[n + 2, j] + d * near[n + 3, j]
            )
    goal = f32(0)
    for j in range(rank):
        goal += residual[j] * residual[j]
        residual[j] -= product[j]
    return goal
