"""Folds in an item that training never saw, from the people who have rated it.

The equations of the users (``recommender.fold_in``) turned round, with a prior mean: what is said
about an item lets expect factors ŷ of it, from which a few ratings move it a little.
"""

from __future__ import annotations

import numpy as np

from recommender.arrays import Float64Array, FloatArray, Int64Array, IntArray
from recommender.fold_in import Ridge

# κ, how much more the prior of a new item counts than a ridge. Chosen on validation splits:
# docs/model.md.
PRIOR_WEIGHT = 10.0


def fold_in_item(
    vectors: FloatArray,
    preferences: FloatArray,
    alpha: float,
    ridge: Ridge,
    prior: FloatArray,
    prior_weight: float = PRIOR_WEIGHT,
    user_gram: FloatArray | None = None,
) -> Float64Array:
    """Return an item's ranking factors, (rank,); the ``prior`` itself without a rating:

        (XᵀX + Σ c_u·x_u·x_uᵀ + κ·ridge(n₊)·I) y = Σ_{s_u>0} (1 + c_u)·x_u + κ·ridge(n₊)·ŷ

    with ``c_u = alpha·|s_u|``. With ``user_gram`` XᵀX, a prior of 0 and a ``prior_weight`` κ of 1
    this is training's own equation. Without it, as for a new item, people who have not rated it
    say nothing: they have had no time to (protocol N: docs/model.md).

    ``vectors``: the raters' ranking vectors, (raters, rank), and ``preferences`` theirs, signed.
    With fewer raters than factors the system has one row a rater (Woodbury's identity).
    """
    confidence = alpha * np.abs(preferences)
    counts = confidence > 0
    vectors, confidence = vectors[counts], confidence[counts]
    if not len(confidence):
        return np.asarray(prior, np.float64)
    wanted = preferences[counts] > 0
    shrinkage = prior_weight * float(ridge(max(1, int(wanted.sum()))))
    right = ((1 + confidence) * wanted) @ vectors + shrinkage * prior
    return _solve(vectors, confidence, shrinkage, right, user_gram)


def fold_in_item_stars(
    vectors: FloatArray,
    deviations: FloatArray,
    ridge: Ridge,
    bias_regularization: float,
    prior: FloatArray,
    prior_bias: float,
) -> tuple[float, Float64Array]:
    """Return an item's bias and rating factors, (width,); their priors without a rating:

        b = (Σ d_u + λ_b·b̂) / (n + λ_b)     (PᵀP + κ·ridge(n)·I) q = Pᵀ(d − b) + κ·ridge(n)·q̂

    ``vectors``: the raters' rating vectors P, (raters, width). ``deviations``: ``r − μ − b_u`` of
    their ratings, (raters,).
    """
    number = len(deviations)
    pull = number + bias_regularization
    bias = float(deviations.sum() + bias_regularization * prior_bias) / pull
    if not number:
        return bias, np.asarray(prior, np.float64)
    shrinkage = PRIOR_WEIGHT * float(ridge(number))
    right = (deviations - bias) @ vectors + shrinkage * prior
    return bias, _solve(vectors, np.ones(number), shrinkage, right)


def fold_in_item_neighbours(
    starts: Int64Array,
    rows: IntArray,
    known: FloatArray,
    preferences: FloatArray,
    regularization: float,
    most: int,
) -> tuple[IntArray, Float64Array]:
    """Return rows of the ``most`` items whose ratings say most of a new item, and their weights:

        b = Sᵀ·(S·Sᵀ + λ_n·I)⁻¹·s

    the ridge regression of the raters' preferences ``s`` for the item, (raters,), on those for all
    others, with one row of ``S`` a rater; as for the factors, who has not rated it says nothing.
    Rater ``u`` has rated the items ``rows[starts[u]:starts[u + 1]]``, with preferences ``known``.
    """
    columns, places = np.unique(rows, return_inverse=True)
    of_raters = np.zeros((len(preferences), len(columns)))
    of_raters[np.repeat(np.arange(len(preferences)), np.diff(starts)), places] = known
    inner = of_raters @ of_raters.T
    inner.reshape(-1)[:: len(inner) + 1] += regularization
    weights = np.linalg.solve(inner, preferences) @ of_raters
    kept = np.sort(np.argsort(-np.abs(weights), kind="stable")[:most])
    return columns[kept], weights[kept]


def _solve(
    vectors: FloatArray,
    weights: FloatArray,
    shrinkage: float,
    right: FloatArray,
    user_gram: FloatArray | None = None,
) -> Float64Array:
    """Solve ``(XᵀX + VᵀCV + shrinkage·I) y = right``."""
    if user_gram is None and len(vectors) < vectors.shape[1]:
        inner = vectors @ vectors.T
        inner.reshape(-1)[:: len(inner) + 1] += shrinkage / weights
        correction = np.linalg.solve(inner, vectors @ right)
        return np.asarray((right - correction @ vectors) / shrinkage)
    left = (vectors * weights[:, None]).T @ vectors
    left.reshape(-1)[:: len(left) + 1] += shrinkage
    return np.asarray(np.linalg.solve(left if user_gram is None else left + user_gram, right))
