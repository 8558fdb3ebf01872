"""Folds a person's ratings into fitted item factors: the normal equations of both models.

Training solves the same equations, the users' last, so folding a trained user in returns the
trained vector. The order of ratings does not matter. Sums over a person's ratings have the
precision of the factors; those over the catalogue and the solution are in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommender.arrays import BoolArray, Float64Array, FloatArray
from recommender.params import RankingParams, RatingParams


def preference(rating: Any, neutral: float, best: float) -> Any:
    """Return the signed preference: 0 at ``neutral``, 1 at ``best``, negative below ``neutral``.

    Plain arithmetic, which works on numpy arrays and on Spark columns.
    """
    return (rating - neutral) * (1.0 / (best - neutral))


def playtime_preference(hours: Any, weight: float) -> Any:
    """Return the preference for a game owned and played: ``1 + weight·log(1 + hours)``."""
    return 1.0 + weight * np.log1p(hours)


def gram(factors: FloatArray) -> Float64Array:
    """Return ``YᵀY`` in double precision: (rank, rank) from (items, rank)."""
    doubles = np.asarray(factors, dtype=np.float64)
    return doubles.T @ doubles


@dataclass(frozen=True)
class Ridge:
    """What regularization adds to a row's diagonal: ``λ·(n + α₀·catalogue)^ν``.

    ``n`` is the row's number of ratings (ranking model: of positive ones), ``unrated`` is
    ``α₀·catalogue``. Rendle et al. 2022, "Revisiting the performance of iALS"; with ν = 1 and
    α₀ = 0 this is Spark MLlib's scaling.

    With another ν the best λ grows with the data, unless it counts in typical rows. So the ranking
    model's λ stands for ``λ·t^(1 − ν)``: ``λ·t·((n + α₀·catalogue)/t)^ν``, where a typical row has
    ``t`` positive ratings.
    """

    regularization: float
    exponent: float = 1.0
    unrated: float = 0.0

    @classmethod
    def from_params(cls, params: RankingParams | RatingParams, catalogue: int) -> Ridge:
        """``catalogue``: the other side's number of rows."""
        unrated, exponent = params.catalogue_share * catalogue, params.regularization_exponent
        typical = params.typical_count if isinstance(params, RankingParams) else 1.0
        return cls(params.regularization * typical ** (1 - exponent), exponent, unrated)

    def __call__(self, count: Any) -> Any:
        """Return the ridge for one row's count, or for an array of counts."""
        return self.regularization * (count + self.unrated) ** self.exponent


def ranking_equations(
    item_gram: FloatArray, factors: FloatArray, preferences: FloatArray, alpha: float, ridge: Ridge
) -> tuple[Float64Array, Float64Array]:
    """Return both sides of the implicit normal equations (Hu, Koren, Volinsky 2008):

        (YᵀY + Σ c_i·y_i·y_iᵀ + ridge(n₊)·I) x = Σ_{s_i>0} (1 + c_i)·y_i      c_i = alpha·|s_i|

    ``item_gram``: YᵀY over the whole catalogue, (rank, rank). ``factors``: the rated items' rows,
    (n, rank). ``preferences``: signed, (n,). A preference of 0 adds nothing.
    """
    confidence = np.asarray(alpha * np.abs(preferences), factors.dtype)
    wanted = np.asarray(preferences) > 0
    left = item_gram + (factors * confidence[:, None]).T @ factors
    left.reshape(-1)[:: len(left) + 1] += ridge(wanted.sum())
    return left, ((1 + confidence) * wanted) @ factors


def fold_in_ranking(
    item_gram: FloatArray, factors: FloatArray, preferences: FloatArray, alpha: float, ridge: Ridge
) -> FloatArray:
    """Return the user's ranking vector, (rank,); zeros without a positive preference."""
    if not (np.asarray(preferences) > 0).any():
        return np.zeros(len(item_gram))
    return np.linalg.solve(*ranking_equations(item_gram, factors, preferences, alpha, ridge))


def user_bias(deviations: FloatArray, bias_regularization: float) -> float:
    """Return ``b_u = Σ(r − μ − b_i) / (n + λ_b)``, the mean deviation shrunken towards 0."""
    return float(np.sum(deviations) / (len(deviations) + bias_regularization))


def rating_equations(
    factors: FloatArray, residuals: FloatArray, ridge: Ridge
) -> tuple[Float64Array, Float64Array]:
    """Return both sides of the explicit normal equations:

        (QᵀQ + ridge(n)·I) p = Qᵀ residuals

    ``factors``: the rated items' rows, (n, rank). ``residuals``: ``r − μ − b_u − b_i``, (n,).
    With fewer ratings than factors ``fold_in_rating`` solves the same as
    ``p = Qᵀ (QQᵀ + ridge(n)·I)⁻¹ residuals``.
    """
    left = np.asarray(factors.T @ factors, np.float64)
    left.reshape(-1)[:: len(left) + 1] += ridge(len(factors))
    return left, np.asarray(residuals, factors.dtype) @ factors


def fold_in_rating(
    factors: FloatArray, deviations: FloatArray, ridge: Ridge, bias_regularization: float
) -> tuple[float, FloatArray]:
    """Return the person's bias and rating vector, (rank,); (0, zeros) without ratings.

    ``deviations``: ``r − μ − b_i`` of each rated item, (n,).
    """
    if not len(deviations):
        return 0.0, np.zeros(factors.shape[1])
    bias = user_bias(deviations, bias_regularization)
    residuals = deviations - bias
    if len(factors) >= factors.shape[1]:
        return bias, np.linalg.solve(*rating_equations(factors, residuals, ridge))
    left = np.asarray(factors @ factors.T, np.float64)
    left.reshape(-1)[:: len(left) + 1] += ridge(len(factors))
    return bias, np.linalg.solve(left, residuals) @ factors


# The same equations for many people, solved as stacks. Each person has the same number of places
# for ratings; ``rated`` (users, places) masks those in use.


def fold_in_ranking_many(
    item_gram: FloatArray,
    factors: FloatArray,
    preferences: FloatArray,
    rated: BoolArray,
    alpha: float,
    ridge: Ridge,
) -> Float64Array:
    """Return ``fold_in_ranking`` of each person, (users, rank).

    ``factors`` (users, places, rank), ``preferences`` (users, places).
    """
    confidence = np.asarray(alpha * np.abs(preferences) * rated, factors.dtype)
    wanted = (preferences > 0) & rated
    has_likes = wanted.any(axis=1)
    y = factors[has_likes]
    left = item_gram + (y * confidence[has_likes, :, None]).transpose(0, 2, 1) @ y
    _add_to_diagonals(left, ridge(wanted[has_likes].sum(axis=1)))
    right = (((1 + confidence) * wanted)[has_likes, None, :] @ y)[:, 0]
    vectors = np.zeros((len(factors), len(item_gram)))
    vectors[has_likes] = np.linalg.solve(left, right[..., None])[..., 0]
    return vectors


def fold_in_rating_many(
    factors: FloatArray,
    deviations: FloatArray,
    rated: BoolArray,
    ridge: Ridge,
    bias_regularization: float,
) -> tuple[Float64Array, Float64Array]:
    """Return ``fold_in_rating`` of each person: biases (users,) and vectors (users, rank).

    ``factors`` (users, places, rank), ``deviations`` (users, places).
    """
    counts = rated.sum(axis=1)
    biases = (deviations * rated).sum(axis=1) / (counts + bias_regularization)
    has_ratings = counts > 0
    q = factors[has_ratings] * rated[has_ratings, :, None]
    is_short = q.shape[1] < q.shape[2]
    of_places, of_factors = q, q.transpose(0, 2, 1)
    left = np.asarray(of_places @ of_factors if is_short else of_factors @ of_places, np.float64)
    _add_to_diagonals(left, ridge(counts[has_ratings]))
    residuals = np.asarray(deviations - biases[:, None], factors.dtype)[has_ratings, :, None]
    vectors = np.zeros((len(factors), factors.shape[2]))
    if is_short:
        vectors[has_ratings] = (of_factors @ np.linalg.solve(left, residuals))[..., 0]
    else:
        vectors[has_ratings] = np.linalg.solve(left, of_factors @ residuals)[..., 0]
    return biases, vectors


def _add_to_diagonals(stack: Float64Array, amounts: Float64Array) -> None:
    rank = stack.shape[1]
    stack[:, np.arange(rank), np.arange(rank)] += np.asarray(amounts)[:, None]
