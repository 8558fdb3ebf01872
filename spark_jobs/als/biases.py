"""Fits shrunken biases of items and users in turn on blocked ratings (Koren 2008, 2.1)."""

from __future__ import annotations

import numpy as np

from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.params import RatingParams
from spark_jobs.als.rating_blocks import Block, BlockedRatings, BlockedSide, Rows, Values

# Any value from 1 to 20 did as well on validation splits of MovieLens latest-small.
PRIOR_REGULARIZATION = 5.0

Biases = Float32Array


def row_sums(side: BlockedSide) -> Float64Array:
    """Sum each row's values."""
    return side.rows(lambda block: np.add.reduceat(block.values, block.starts[:-1], dtype=float))


def fit_biases(
    stars: BlockedRatings, mean: float, params: RatingParams, features: Float64Array | None = None
) -> tuple[Biases, Biases]:
    """Return users' and items' biases; the users' are those that folding each user in would find.

    ``features``: (items, features). With them an item's bias is shrunken towards what its features
    predict instead of towards 0, which matters most where ratings are few.
    """
    users = np.zeros(len(stars.users.ids), np.float32)
    items = np.zeros(len(stars.items.ids), np.float32)
    shrinkage = params.bias_regularization
    for _ in range(params.bias_sweeps):
        sums = _deviations(stars.items, users, mean)
        prior = 0.0 if features is None else _prior(features, sums, stars.items.counts, shrinkage)
        items = _shrunken(sums, stars.items, shrinkage, prior)
        users = _shrunken(_deviations(stars.users, items, mean), stars.users, shrinkage)
    return users, items


def residuals(stars: BlockedRatings, users: Biases, items: Biases, mean: float) -> BlockedRatings:
    """``r − μ − b_u − b_i``"""
    shared = stars.users.share((users, items))

    def left_over(user_rows: Rows, item_rows: Rows, values: Values) -> Values:
        user_bias, item_bias = shared.value
        return np.asarray(values - np.float32(mean) - user_bias[user_rows] - item_bias[item_rows])

    return stars.map_values(left_over)


def _deviations(side: BlockedSide, others: Biases, mean: float) -> Float64Array:
    """``Σ(r − μ − other's bias)`` of each row."""
    shared = side.share(others)

    def sums(block: Block) -> Float64Array:
        deviations = block.values - np.float32(mean) - shared.value[block.columns]
        return np.add.reduceat(deviations, block.starts[:-1], dtype=np.float64)

    total = side.rows(sums)
    shared.destroy()
    return total


def _shrunken(
    sums: Float64Array, side: BlockedSide, regularization: float, prior: Float64Array | float = 0.0
) -> Biases:
    """``(Σ deviations + λ_b·prior) / (n + λ_b)`` of each row."""
    return np.asarray((sums + regularization * prior) / (side.counts + regularization), np.float32)


def _prior(
    features: Float64Array, sums: Float64Array, counts: Int64Array, regularization: float
) -> Float64Array:
    """``F·w`` with ``(FᵀDF + λI) w = FᵀD·(sums / n)``: ridge regression of mean deviations on
    features, each item weighing ``D = n / (n + λ_b)``."""
    weights = counts / (counts + regularization)
    left = (features * weights[:, None]).T @ features
    left[np.diag_indices_from(left)] += PRIOR_REGULARIZATION
    right = features.T @ (weights * sums / counts)
    return np.asarray(features @ np.linalg.solve(left, right), np.float64)
