"""Shrunken biases of items and users, fitted in turn on packed ratings (Koren 2008, 2.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.params import RatingParams
from spark_jobs.blocks import Block, Packed, Rows, Side, Values

Biases = NDArray[np.float32]


def row_sums(side: Side) -> NDArray[np.float64]:
    """The sum of each row's values."""
    return side.map(lambda block: np.add.reduceat(block.values, block.starts[:-1], dtype=float))


def fit_biases(stars: Packed, mean: float, params: RatingParams) -> tuple[Biases, Biases]:
    """(users', items') biases. The users' are those that folding each user in would find."""
    users = np.zeros(len(stars.users.ids), np.float32)
    items = np.zeros(len(stars.items.ids), np.float32)
    for _ in range(params.bias_sweeps):
        items = _shrunken(stars.items, users, mean, params.bias_regularization)
        users = _shrunken(stars.users, items, mean, params.bias_regularization)
    return users, items


def residuals(stars: Packed, users: Biases, items: Biases, mean: float) -> Packed:
    """``r − μ − b_u − b_i``"""
    shared = stars.users.blocks.context.broadcast((users, items))

    def left_over(user_rows: Rows, item_rows: Rows, values: Values) -> Values:
        user_bias, item_bias = shared.value
        return np.asarray(values - np.float32(mean) - user_bias[user_rows] - item_bias[item_rows])

    return stars.map_values(left_over)


def _shrunken(side: Side, others: Biases, mean: float, regularization: float) -> Biases:
    """``Σ(r − μ − other's bias) / (n + λ_b)`` of each row."""
    shared = side.blocks.context.broadcast(others)

    def sums(block: Block) -> NDArray[np.float64]:
        deviations = block.values - np.float32(mean) - shared.value[block.columns]
        return np.add.reduceat(deviations, block.starts[:-1], dtype=np.float64)

    total = side.map(sums)
    shared.destroy()
    return np.asarray(total / (side.counts + regularization), np.float32)
