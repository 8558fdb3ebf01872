"""Folding a person's ratings into fitted item factors: the normal equations, written once.

Training solves these same equations, the users' last, so folding a trained user in returns the
trained vector.
Everything is a sum over ratings, so their order does not matter and changing one is exact. The sums
over a person's ratings have the precision of the factors; the catalogue's and the solution are
doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.params import RankingParams, RatingParams

Array = NDArray[np.floating]


def preference(rating: Any, neutral: float, best: float) -> Any:
    """Signed preference of a rating: 0 at ``neutral``, 1 at ``best``, negative below ``neutral``.

    Plain arithmetic, so that one definition serves numpy arrays and Spark columns.
    """
    return (rating - neutral) * (1.0 / (best - neutral))


def playtime_preference(hours: Any, weight: float) -> Any:
    """Preference for having a game and of having played it: ``1 + weight·log(1 + hours)``."""
    return 1.0 + weight * np.log1p(hours)


def gram(factors: Array) -> NDArray[np.float64]:
    """``YᵀY`` in double precision: (rank, rank) from (items, rank)."""
    doubles = np.asarray(factors, dtype=np.float64)
    return doubles.T @ doubles


@dataclass(frozen=True)
class Ridge:
    """What regularization adds to a row's diagonal: ``λ·(n + α₀·catalogue)^ν``.

    ``n`` is the row's number of ratings (ranking model: of positive ones), ``unrated`` is
    ``α₀·catalogue``. Rendle et al. 2022, "Revisiting the performance of iALS"; with ν = 1 and
    α₀ = 0 this is Spark MLlib's scaling.
    """

    regularization: float
    exponent: float = 1.0
    unrated: float = 0.0

    @classmethod
    def from_params(cls, params: RankingParams | RatingParams, catalogue: int) -> Ridge:
        """``catalogue``: how many rows the other side has."""
        unrated = params.catalogue_share * catalogue
        return cls(params.regularization, params.regularization_exponent, unrated)

    def __call__(self, count: Any) -> Any:
        """For one row's count, or for an array of them."""
        return self.regularization * (count + self.unrated) ** self.exponent


def ranking_equations(
    item_gram: Array, factors: Array, preferences: Array, alpha: float, ridge: Ridge
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The left and right side of the implicit normal equations (Hu, Koren, Volinsky 2008):

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
    item_gram: Array, factors: Array, preferences: Array, alpha: float, ridge: Ridge
) -> Array:
    """The user's ranking vector, shape (rank,); zeros for a user without a positive preference."""
    if not (np.asarray(preferences) > 0).any():
        return np.zeros(len(item_gram))
    return np.linalg.solve(*ranking_equations(item_gram, factors, preferences, alpha, ridge))


def user_bias(deviations: Array, bias_regularization: float) -> float:
    """``b_u = Σ(r − μ − b_i) / (n + λ_b)``, the mean deviation shrunk towards 0."""
    return float(np.sum(deviations) / (len(deviations) + bias_regularization))


def rating_equations(
    factors: Array, residuals: Array, ridge: Ridge
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The left and right side of the explicit normal equations:

        (QᵀQ + ridge(n)·I) p = Qᵀ residuals

    ``factors``: the rated items' rows, (n, rank). ``residuals``: ``r − μ − b_u − b_i``, (n,).
    """
    left = np.asarray(factors.T @ factors, np.float64)
    left.reshape(-1)[:: len(left) + 1] += ridge(len(factors))
    return left, np.asarray(residuals, factors.dtype) @ factors


def fold_in_rating(
    factors: Array, deviations: Array, ridge: Ridge, bias_regularization: float
) -> tuple[float, Array]:
    """The person's bias and rating vector, shape (rank,); (0, zeros) for someone without ratings.

    ``deviations``: ``r − μ − b_i`` of each rated item, (n,).
    """
    if not len(deviations):
        return 0.0, np.zeros(factors.shape[1])
    bias = user_bias(deviations, bias_regularization)
    return bias, np.linalg.solve(*rating_equations(factors, deviations - bias, ridge))


# Many people at once: the same equations, solved as stacks. Each person has the same number of
# places for ratings, ``rated`` (users, places) says which are taken.


def fold_in_ranking_many(
    item_gram: Array,
    factors: Array,
    preferences: Array,
    rated: NDArray[np.bool_],
    alpha: float,
    ridge: Ridge,
) -> NDArray[np.float64]:
    """``fold_in_ranking`` of each person, (users, rank).

    ``factors`` (users, places, rank), ``preferences`` (users, places).
    """
    confidence = np.asarray(alpha * np.abs(preferences) * rated, factors.dtype)
    wanted = (preferences > 0) & rated
    some = wanted.any(axis=1)
    y = factors[some]
    left = item_gram + (y * confidence[some, :, None]).transpose(0, 2, 1) @ y
    _add_to_diagonals(left, ridge(wanted[some].sum(axis=1)))
    right = (((1 + confidence) * wanted)[some, None, :] @ y)[:, 0]
    vectors = np.zeros((len(factors), len(item_gram)))
    vectors[some] = np.linalg.solve(left, right[..., None])[..., 0]
    return vectors


def fold_in_rating_many(
    factors: Array,
    deviations: Array,
    rated: NDArray[np.bool_],
    ridge: Ridge,
    bias_regularization: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``fold_in_rating`` of each person: biases (users,) and vectors (users, rank).

    ``factors`` (users, places, rank), ``deviations`` (users, places).
    """
    counts = rated.sum(axis=1)
    biases = (deviations * rated).sum(axis=1) / (counts + bias_regularization)
    some = counts > 0
    q = factors[some] * rated[some, :, None]
    left = np.asarray(q.transpose(0, 2, 1) @ q, np.float64)
    _add_to_diagonals(left, ridge(counts[some]))
    residuals = np.asarray(deviations - biases[:, None], factors.dtype)
    right = (residuals[some, None, :] @ q)[:, 0]
    vectors = np.zeros((len(factors), factors.shape[2]))
    vectors[some] = np.linalg.solve(left, right[..., None])[..., 0]
    return biases, vectors


def _add_to_diagonals(stack: NDArray[np.float64], amounts: NDArray[np.float64]) -> None:
    rank = stack.shape[1]
    stack[:, np.arange(rank), np.arange(rank)] += np.asarray(amounts)[:, None]
