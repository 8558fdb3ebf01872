"""Recommendations with their titles: the model's numbers joined to the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.catalogue import items_by_id
from app.models import Item
from recommender.model import Model, Ratings


@dataclass(frozen=True)
class Recommended:
    """``predicted_rating`` in stars."""

    item: Item
    score: float
    predicted_rating: float


def recommend(model: Model, ratings: Ratings, n: int) -> list[Recommended]:
    """The ``n`` best titles for someone with these ratings, folded in now; popular ones without."""
    ranked = model.recommend(model.fold_in(ratings), n)
    items = items_by_id([r.item_id for r in ranked])
    return [
        Recommended(items[r.item_id], r.score, r.predicted_rating)
        for r in ranked
        if r.item_id in items
    ]


def predicted(model: Model, ratings: Ratings, items: Sequence[Item]) -> dict[int, float]:
    """Predicted stars by item id, for those of ``items`` that the model knows."""
    return model.estimate(model.fold_in(ratings), [item.id for item in items])
