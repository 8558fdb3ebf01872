"""Explains a recommendation: what each rating adds to its score, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommender.arrays import Float64Array, FloatArray
from recommender.fold_in import Ridge, ranking_equations
from recommender.item_index import UNKNOWN
from recommender.model import Model, RatingsByItem


@dataclass(frozen=True)
class Explanation:
    """``score = Σ parts + popularity``. ``parts``: by item id, of every rating the model knows."""

    parts: dict[int, float]
    popularity: float
    score: float


def contributions(
    item_gram: FloatArray,
    factors: FloatArray,
    preferences: FloatArray,
    alpha: float,
    ridge: Ridge,
    target: FloatArray,
) -> Float64Array:
    """Return what each of ``n`` ratings adds to ``x·target``, (n,); the sum is ``x·target``.

    The fold-in ``A x = b`` is linear in its right side (Hu, Koren, Volinsky 2008, section 5):

        x·y_j = Σ_i b_i · y_iᵀ A⁻¹ y_j          b_i = 1 + c_i where s_i > 0, else 0

    A dislike occurs in ``A`` alone: it adds 0 and lowers what the others add.
    ``factors`` (n, rank), ``preferences`` (n,), ``target`` (rank,).
    """
    wanted = np.asarray(preferences) > 0
    if not wanted.any():
        return np.zeros(len(wanted))
    left, _ = ranking_equations(item_gram, factors, preferences, alpha, ridge)
    reach = np.asarray(factors, dtype=np.float64) @ np.linalg.solve(left, target)
    return (1.0 + alpha * np.abs(preferences)) * wanted * reach


def explain(model: Model, ratings: RatingsByItem, item_id: int) -> Explanation | None:
    """Return what each rating adds to the score of ``item_id``; None for an unknown item."""
    (row,) = model.items.index.rows([item_id])
    if row == UNKNOWN:
        return None
    items, arrays, ranking = model.items, model.items.arrays, model.release.ranking
    rows, values = model.known_ratings(ratings)
    preferences = model.feedback.preference(values)
    parts = contributions(
        model.gram,
        arrays.ranking_factors[rows],
        preferences,
        ranking.alpha,
        model.ranking_ridge,
        arrays.ranking_factors[row],
    )
    for neighbourhood in model.neighbourhoods:
        parts += neighbourhood.parts(rows, preferences, int(row))
    popularity = ranking.popularity_weight * float(np.log1p(items.popularity_counts[row]))
    ids = model.items.index.item_ids[rows].tolist()
    by_id = dict(zip(ids, parts.tolist(), strict=True))
    return Explanation(by_id, popularity, float(parts.sum()) + popularity)
