"""Recommendations in another order than the model's: see ``recommender.reordering``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.recommend.service import EVERYTHING, Recommended, rank, with_items
from recommender.item_metadata import Filter
from recommender.model import Model, RatingsByItem
from recommender.reordering import WEIGHTS, reorder

SHORTLIST = 200


@dataclass(frozen=True)
class Order:
    """``mix``: a step of the slider, an index of WEIGHTS. ``discounts``: by how much items sink,
    by id."""

    mix: int = 0
    discounts: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_of_model(self) -> bool:
        return not self.mix and not self.discounts


@dataclass(frozen=True)
class Reordered:
    """``places``: places in the model's own order, from 1, by item id; empty where it was kept.
    ``sunk``: how many of the shortlist's items stand lower for having been passed over."""

    recommended: list[Recommended]
    places: dict[int, int]
    sunk: int = 0


def recommend_in_order(
    model: Model,
    ratings: RatingsByItem,
    n: int,
    hidden: Collection[int] = (),
    wanted: Filter = EVERYTHING,
    known: int = 0,
    reasons: int = 0,
    order: Order = Order(),
) -> Reordered:
    """Return the ``n`` best items of a shortlist in this order; the first have a reason."""
    if order.is_of_model:
        ranked = rank(model, ratings, n, hidden, wanted, known)
        return Reordered(with_items(model, ratings, ranked, reasons), {})
    ranked = rank(model, ratings, max(SHORTLIST, n), hidden, wanted, known)
    scores, stars = [r.score for r in ranked], [r.predicted_rating for r in ranked]
    discount = [order.discounts.get(r.item_id, 0.0) for r in ranked]
    weight = WEIGHTS[order.mix]
    places = reorder(scores, stars, weight, discount).tolist()
    without = {place: new for new, place in enumerate(reorder(scores, stars, weight))}
    return Reordered(
        with_items(model, ratings, [ranked[place] for place in places[:n]], reasons),
        {ranked[place].item_id: place + 1 for place in places[:n]},
        sum(1 for new, place in enumerate(places) if discount[place] and new > without[place]),
    )
