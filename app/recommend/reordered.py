"""Recommendations in another order than the model's: see ``recommender.reordering``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.catalogue.availability import unavailable_ids
from app.catalogue.items import items_by_id
from app.observability import metrics, timing
from app.recommend.service import EVERYTHING, Recommended, fold_in, main_reason, recommend
from recommender.explanations import explain
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
    """Return the ``n`` best items of a shortlist in this order; see ``service.recommend``."""
    how: dict[str, Any] = {"hidden": hidden, "wanted": wanted, "known": known}
    if order.is_of_model:
        return Reordered(recommend(model, ratings, n, reasons=reasons, **how), {})
    person = fold_in(model, ratings)
    with timing.part(metrics.TOP_N):
        left_out = {*hidden, *unavailable_ids()}
        ranked = model.recommend(person, max(SHORTLIST, n), left_out, wanted, known)
        scores, stars = [r.score for r in ranked], [r.predicted_rating for r in ranked]
        discount = [order.discounts.get(r.item_id, 0.0) for r in ranked]
        weight = WEIGHTS[order.mix]
        places = reorder(scores, stars, weight, discount).tolist()
        without = {place: rank for rank, place in enumerate(reorder(scores, stars, weight))}
    items = items_by_id([ranked[place].item_id for place in places[:n]])
    recommended = [
        Recommended(items[r.item_id], r.score, r.predicted_rating, r.match)
        for r in (ranked[place] for place in places[:n])
        if r.item_id in items
    ]
    return Reordered(
        [*with_reasons(model, ratings, recommended[:reasons]), *recommended[reasons:]],
        {ranked[place].item_id: place + 1 for place in places[:n]},
        sum(1 for new, place in enumerate(places) if discount[place] and new > without[place]),
    )


def with_reasons(
    model: Model, ratings: RatingsByItem, recommended: list[Recommended]
) -> list[Recommended]:
    """Return the same with the rated item that adds most to each, where one does."""
    with timing.part("reasons"):
        ids = [main_reason(explain(model, ratings, r.item.id)) for r in recommended]
    items = items_by_id({item_id for item_id in ids if item_id is not None})
    return [
        replace(r, because=None if reason is None else items.get(reason))
        for r, reason in zip(recommended, ids, strict=True)
    ]
