"""Compiled kernels that solve many rows' normal equations from blocked ratings.

The equations are those of ``recommender.fold_in``; tests compare the two. Here they are solved
without being formed, by conjugate gradients (Takács, Pilászy, Tikk 2011), each row starting from
its previous vector. Everything is single precision and runs without the interpreter lock; numba
compiles each kernel once a machine and caches it on disk.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from recommender.arrays import Float32Array, Int64Array

f32 = np.float32
# Sums may be reassociated, so that they vectorise; NaN and infinity keep their meaning.
FAST: Any = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}
Floats = Float32Array


# A squared residual below which nothing can be improved, and a step would divide 0 by 0.
SOLVED = 1e-30
# How many ratings before its use a vector is prefetched, and codes in a cache line.
AHEAD = 32
CACHE_LINE = 32


@intrinsic
def _prefetch(typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Start loading ``array[row, column]`` into the cache, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, tools = signature.args[0], cast(Any, cgutils)
        made = context.make_array(kind)(context, builder, arguments[0])
        place = tools.get_item_pointer(context, builder, kind, made, arguments[1:])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        fetch = tools.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        to_read, keep, data = word(0), word(3), word(1)
        builder.call(fetch, [builder.bitcast(place, byte), to_read, keep, data])
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64), generate


@njit(**FAST)
def solve_rows(
    starts: Int64Array,
    columns: NDArray[np.int32],
    values: Floats,
    codes: NDArray[np.int16],
    scales: Floats,
    gram: Floats,
    vectors: Floats,
    implicit: bool,
    alpha: float,
    regularization: float,
    exponent: float,
    unrated: float,
    steps: int,
    tolerance: float,
) -> None:
    """Improve ``vectors`` (rows, rank) in place by up to ``steps`` conjugate gradient steps.

    The other side's vectors are ``codes·scales``, (columns, rank) and (columns,). Implicit:
    ``values`` are signed preferences and ``gram`` is of all those vectors; a row without a positive
    preference becomes zeros. Explicit: ``values`` are residuals, ``gram`` is zeros.
    ``regularization``, ``exponent`` and ``unrated`` are those of ``fold_in.Ridge``. A row is done
    when its residual is below ``tolerance`` times its right side.
    """
    rank = codes.shape[1]
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    # The rated vectors, gathered once; padded with zero confidence to a multiple of 4.
    rated = np.zeros((longest + 3, rank), f32)
    confidence = np.zeros(longest + 3, f32)
    wanted = np.zeros(longest + 3, f32)
    zeros = np.zeros(longest + 3, f32)
    residual = np.empty(rank, f32)
    direction = np.empty(rank, f32)
    product = np.empty(rank, f32)
    for row in range(len(starts) - 1):
        start, count = starts[row], starts[row + 1] - starts[row]
        vector = vectors[row]
        counted = _weights(values[start : start + count], implicit, alpha, confidence, wanted)
        ridge = f32(regularization * (counted + unrated) ** exponent)
        padded = (count + 3) // 4 * 4
        confidence[count:padded] = 0
        wanted[count:padded] = 0
        if counted == 0:
            vector[:] = 0
            continue
        _gather(codes, scales, columns[start : start + count], rated)
        _product(rated, confidence, wanted, padded, gram, ridge, vector, residual)
        error = f32(0)
        for j in range(rank):
            residual[j] = -residual[j]
            direction[j] = residual[j]
            error += residual[j] * residual[j]
        enough = f32(SOLVED)
        if tolerance > 0:
            goal = _squared_right_side(rated, wanted, padded, product)
            enough = max(enough, f32(tolerance * tolerance * goal))
        for _ in range(steps):
            if error <= enough:
                break
            _product(rated, confidence, zeros, padded, gram, ridge, direction, product)
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


@njit(**FAST)
def _weights(
    values: Floats, implicit: bool, alpha: float, confidence: Floats, wanted: Floats
) -> int:
    """Fill each rating's confidence and its weight on the right side.

    Returns the number of ratings that regularization is scaled by: implicit, of positive ones.
    """
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


@njit(**FAST)
def _gather(
    codes: NDArray[np.int16], scales: Floats, columns: NDArray[np.int32], rated: Floats
) -> None:
    """Copy the rated vectors to ``rated``. They are scattered in memory: without prefetching, most
    of a half-iteration would be spent waiting for them."""
    for n in range(len(columns)):
        if n + AHEAD < len(columns):
            for j in range(0, codes.shape[1], CACHE_LINE):
                _prefetch(codes, np.int64(columns[n + AHEAD]), np.int64(j))  # type: ignore[call-arg]
        source, target, scale = codes[columns[n]], rated[n], scales[columns[n]]
        for j in range(codes.shape[1]):
            target[j] = f32(source[j]) * scale


@njit(**FAST)
def _product(
    rated: Floats,
    confidence: Floats,
    wanted: Floats,
    padded: int,
    gram: Floats,
    ridge: float,
    vector: Floats,
    product: Floats,
) -> None:
    """``product = (gram + ridge·I + Σ c_i·y_i·y_iᵀ) vector − Σ wanted_i·y_i``

    Takes four ratings at a time, to use each load four times.
    """
    rank = len(vector)
    for j in range(rank):
        product[j] = ridge * vector[j]
    for i in range(rank):
        weight = vector[i]
        for j in range(rank):
            product[j] += weight * gram[i, j]
    for n in range(0, padded, 4):
        a, b, c, d = f32(0), f32(0), f32(0), f32(0)
        for j in range(rank):
            x = vector[j]
            a += rated[n, j] * x
            b += rated[n + 1, j] * x
            c += rated[n + 2, j] * x
            d += rated[n + 3, j] * x
        a = a * confidence[n] - wanted[n]
        b = b * confidence[n + 1] - wanted[n + 1]
        c = c * confidence[n + 2] - wanted[n + 2]
        d = d * confidence[n + 3] - wanted[n + 3]
        for j in range(rank):
            product[j] += (
                a * rated[n, j] + b * rated[n + 1, j] + c * rated[n + 2, j] + d * rated[n + 3, j]
            )


@njit(**FAST)
def _squared_right_side(rated: Floats, wanted: Floats, padded: int, right: Floats) -> Any:
    """``|Σ wanted_i·y_i|²``; ``right`` is room for the sum."""
    for j in range(len(right)):
        right[j] = 0
    for n in range(padded):
        for j in range(len(right)):
            right[j] += wanted[n] * rated[n, j]
    total = f32(0)
    for j in range(len(right)):
        total += right[j] * right[j]
    return total
