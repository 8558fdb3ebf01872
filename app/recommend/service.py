"""Recommendations: the model's results joined to the items of the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.catalogue.availability import unavailable_ids
from app.catalogue.items import items_by_id
from app.feedback.profile import UserProfile
from app.feedback.ratings import NO_PREDICTION, Prediction, rate, ratings_of
from app.models import Item
from app.observability import metrics, timing
from app.recommend.model_watcher import serving
from recommender import batch
from recommender.explanations import Explanation, explain
from recommender.item_metadata import Filter
from recommender.item_similarity import similar_items
from recommender.model import Model, Person, RatingsByItem, Recommendation

EVERYTHING = Filter()


@dataclass(frozen=True)
class Recommended:
    """An item with its score; ``predicted_rating`` and ``match`` are those of the model.

    ``because``: the rated item that adds most to the score, if any does.
    """

    item: Item
    score: float
    predicted_rating: float | None
    match: float | None
    because: Item | None = None

    @property
    def guess(self) -> float | None:
        return self.match if self.predicted_rating is None else self.predicted_rating


@dataclass(frozen=True)
class RatingContribution:
    """What one rated item adds to a score; ``rank_without``: the rank of the other without it."""

    item: Item
    rating: float
    part: float
    rank_without: int | None = None


@dataclass(frozen=True)
class Why:
    """An explained score. ``parts``: greatest first. ``without_effect``: number of the
    ratings that add nothing."""

    rank: int
    score: float
    popularity: float
    parts: list[RatingContribution]
    without_effect: int


def fold_in(model: Model, ratings: RatingsByItem) -> Person:
    with timing.part(metrics.FOLD_IN):
        return model.fold_in(ratings)


def rank(
    model: Model,
    ratings: RatingsByItem,
    n: int,
    hidden: Collection[int] = (),
    wanted: Filter = EVERYTHING,
    known: int = 0,
) -> list[Recommendation]:
    """Return the ``n`` best items for these ratings, folded in now; popular ones without any."""
    person = fold_in(model, ratings)
    with timing.part(metrics.TOP_N):
        return model.recommend(person, n, {*hidden, *unavailable_ids()}, wanted, known)


def with_items(
    model: Model, ratings: RatingsByItem, ranked: Sequence[Recommendation], reasons: int = 0
) -> list[Recommended]:
    """Return what is ``ranked`` with its items; the first ``reasons`` of them have a reason."""
    with timing.part("reasons"):
        reason_of = {
            r.item_id: reason
            for r in ranked[:reasons]
            if (reason := main_reason(explain(model, ratings, r.item_id))) is not None
        }
    items = items_by_id([*(r.item_id for r in ranked), *reason_of.values()])
    because = {item_id: items.get(reason) for item_id, reason in reason_of.items()}
    return [
        Recommended(
            *(items[r.item_id], r.score, r.predicted_rating, r.match), because.get(r.item_id)
        )
        for r in ranked
        if r.item_id in items
    ]


def rank_many(
    models: Sequence[Model], profiles: Sequence[UserProfile], n: int
) -> list[list[Recommendation]]:
    """Return the ``n`` best items for each profile by its model, in one pass over each model."""
    ranked: list[list[Recommendation]] = [[]] * len(profiles)
    for model in {id(model): model for model in models}.values():
        places = [place for place, served_by in enumerate(models) if served_by is model]
        ratings = [profiles[place].ratings for place in places]
        hidden = [profiles[place].hidden | unavailable_ids() for place in places]
        with timing.part("batch"):
            lists = batch.recommend_many(model, ratings, n, hidden)
        for place, one in zip(places, lists, strict=True):
            ranked[place] = one
    return ranked


def why(
    model: Model,
    ratings: RatingsByItem,
    item_id: int,
    hidden: Collection[int] = (),
    counted: int = 3,
) -> Why | None:
    """Explain the score of an item on the user's list; None if it is not on it.

    The ``counted`` ratings that add most have the item's rank without them.
    """
    with timing.part("reasons"):
        explained = explain(model, ratings, item_id)
    rank = _rank(model, ratings, item_id, hidden)
    if explained is None or rank is None:
        return None
    adding = dict(sorted((p for p in explained.parts.items() if p[1]), key=lambda p: -p[1]))
    items = items_by_id(adding)
    parts = [
        RatingContribution(
            items[item],
            ratings[item],
            part,
            rank_without(model, ratings, item_id, item, hidden) if place < counted else None,
        )
        for place, (item, part) in enumerate(adding.items())
        if item in items
    ]
    without_effect = len(explained.parts) - len(adding)
    return Why(rank, explained.score, explained.popularity, parts, without_effect)


def rank_without(
    model: Model, ratings: RatingsByItem, item_id: int, removed: int, hidden: Iterable[int] = ()
) -> int | None:
    """Return the rank that ``item_id`` would have if the user had not rated ``removed``."""
    rest = {item: stars for item, stars in ratings.items() if item != removed}
    return _rank(model, rest, item_id, hidden)


def _rank(model: Model, ratings: RatingsByItem, item_id: int, hidden: Iterable[int]) -> int | None:
    person = fold_in(model, ratings)
    with timing.part("reasons"):
        return model.rank(person, item_id, {*hidden, *unavailable_ids()})


def similar(model: Model, item_id: int, n: int, left_out: Collection[int] = ()) -> list[int]:
    """Return the ``n`` available items most like an item, without those that are left out."""
    left_out = {*left_out, *unavailable_ids()}
    return [i for i in similar_items(model, item_id, n + len(left_out)) if i not in left_out][:n]


def predicted(model: Model, ratings: RatingsByItem, items: Sequence[Item]) -> dict[int, float]:
    """Return predicted values by item id, for those of ``items`` that the model has."""
    person, ids = fold_in(model, ratings), [item.id for item in items]
    return serving.feedback_kind.predict(model, person, ids)


def fits(model: Model, ratings: RatingsByItem, items: Sequence[Item]) -> dict[int, float]:
    """Return how well those of ``items`` that the model has fit, by id; popularity left out."""
    person, rows = fold_in(model, ratings), model.items.index.known_rows(i.id for i in items)
    found = model.fits(person, rows).tolist()
    return dict(zip(model.items.index.item_ids[rows].tolist(), found, strict=True))


def rate_and_log_prediction(
    user_id: int, item: Item, stars: float, via: str, model: Model | None
) -> tuple[datetime, float | None]:
    """Store a rating; a first one with the prediction that the earlier ratings give.

    Returns when it was stored, and the rating before, if there was one.
    """
    ratings = ratings_of(user_id)
    before, prediction = ratings.get(item.id), NO_PREDICTION
    if before is None and model is None:
        prediction = Prediction(community=item.rating_mean)
    elif before is None and model is not None:
        predicted = model.estimate(fold_in(model, ratings), [item.id]).get(item.id)
        prediction = Prediction(predicted, item.rating_mean, model.version)
    return rate(user_id, item.id, stars, prediction, via), before


def main_reason(explained: Explanation | None) -> int | None:
    """Return the id of the item whose rating adds most, None if none adds anything."""
    if explained is None or not explained.parts:
        return None
    item, part = max(explained.parts.items(), key=lambda p: p[1])
    return item if part > 0 else None
