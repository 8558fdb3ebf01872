"""Folding a person's ratings into fitted item factors: the normal equations, written once.

The scaling is Spark MLlib's: lambda is multiplied by the number of ratings of the row (ranking
head: of positive ones). MLlib solves users last, so folding a trained user in returns the trained
vector.
Everything is a sum over ratings, so their order does not matter and changing one is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def strength(rating: Any, neutral: float, best: float) -> Any:
    """Signed strength of a rating: 0 at ``neutral``, 1 at ``best``, negative below ``neutral``.

    Plain arithmetic, so that one definition serves numpy arrays and Spark columns.
    """
    return (rating - neutral) * (1.0 / (best - neutral))


def gram(factors: Array) -> NDArray[np.float64]:
    """``YᵀY`` in double precision: (rank, rank) from (items, rank)."""
    doubles = np.asarray(factors, dtype=np.float64)
    return doubles.T @ doubles


def ranking_equations(
    item_gram: Array, factors: Array, strengths: Array, alpha: float, regularization: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The left and right side of the implicit normal equations (Hu, Koren, Volinsky 2008):

        (YᵀY + Σ c_i·y_i·y_iᵀ + λ·n₊·I) x = Σ_{s_i>0} (1 + c_i)·y_i        c_i = alpha·|s_i|

    ``item_gram``: YᵀY over the whole catalogue, (rank, rank). ``factors``: the rated items' rows,
    (n, rank). ``strengths``: signed, (n,). A strength of 0 adds nothing.
    """
    y = np.asarray(factors, dtype=np.float64)
    confidence = alpha * np.abs(strengths)
    wanted = np.asarray(strengths) > 0
    left = item_gram + (y * confidence[:, None]).T @ y
    left[np.diag_indices_from(left)] += regularization * wanted.sum()
    return left, ((1.0 + confidence) * wanted) @ y


def fold_in_ranking(
    item_gram: Array, factors: Array, strengths: Array, alpha: float, regularization: float
) -> Array:
    """The person's ranking vector, shape (rank,); zeros for someone without a positive strength."""
    if not np.any(np.asarray(strengths) > 0):
        return np.zeros(len(item_gram))
    return np.linalg.solve(*ranking_equations(item_gram, factors, strengths, alpha, regularization))


def user_bias(deviations: Array, bias_regularization: float) -> float:
    """``b_u = Σ(r − μ − b_i) / (n + λ_b)``, the mean deviation shrunk towards 0."""
    return float(np.sum(deviations) / (len(deviations) + bias_regularization))


def rating_equations(
    factors: Array, residuals: Array, regularization: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The left and right side of the explicit normal equations, λ scaled by the number of ratings:

        (QᵀQ + λ·n·I) p = Qᵀ residuals

    ``factors``: the rated items' rows, (n, rank). ``residuals``: ``r − μ − b_u − b_i``, (n,).
    """
    q = np.asarray(factors, dtype=np.float64)
    left = q.T @ q
    left[np.diag_indices_from(left)] += regularization * len(q)
    return left, q.T @ residuals


def fold_in_rating(
    factors: Array, deviations: Array, regularization: float, bias_regularization: float
) -> tuple[float, Array]:
    """The person's bias and rating vector, shape (rank,); (0, zeros) for someone without ratings.

    ``deviations``: ``r − μ − b_i`` of each rated item, (n,).
    """
    if not len(deviations):
        return 0.0, np.zeros(factors.shape[1])
    bias = user_bias(deviations, bias_regularization)
    return bias, np.linalg.solve(*rating_equations(factors, deviations - bias, regularization))
