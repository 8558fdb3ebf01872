"""Recommendations with their titles: the model's numbers joined to the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.catalogue.items import items_by_id
from app.feedback.ratings import NO_PREDICTION, Prediction, rate, ratings_of
from app.models import Item
from app.observability import metrics, timing
from app.recommend import feedback_kind
from recommender import batch
from recommender.explanations import Explanation, explain
from recommender.item_metadata import Filter
from recommender.model import Model, Person, RatingsByItem, Recommendation

EVERYTHING = Filter()


@dataclass(frozen=True)
class Recommended:
    """``predicted_rating`` and ``match``: as the model's. ``because``: the rated title that adds
    most, if any does."""

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
    """What one rated title adds to a score; ``rank_without``: the title's place without it."""

    item: Item
    rating: float
    part: float
    rank_without: int | None = None


@dataclass(frozen=True)
class Why:
    """``parts``: what adds something, most first. ``silent``: how many ratings add nothing."""

    rank: int
    score: float
    popularity: float
    parts: list[RatingContribution]
    silent: int


def fold_in(model: Model, ratings: RatingsByItem) -> Person:
    with timing.part(metrics.FOLD_IN):
        return model.fold_in(ratings)


def recommend(
    model: Model,
    ratings: RatingsByItem,
    n: int,
    hidden: Collection[int] = (),
    wanted: Filter = EVERYTHING,
    known: int = 0,
    reasons: int = 0,
) -> list[Recommended]:
    """The ``n`` best titles for someone with these ratings, folded in now; popular ones without.

    The first ``reasons`` of them say because of what.
    """
    person = fold_in(model, ratings)
    with timing.part(metrics.TOP_N):
        ranked = model.recommend(person, n, hidden, wanted, known)
    with timing.part("reasons"):
        causes = {
            r.item_id: main_reason(explain(model, ratings, r.item_id)) for r in ranked[:reasons]
        }
    items = items_by_id([r.item_id for r in ranked] + [c for c in causes.values() if c])
    return [
        _with_title(r, items[r.item_id], items.get(causes.get(r.item_id) or 0))
        for r in ranked
        if r.item_id in items
    ]


def recommend_many(
    models: Sequence[Model],
    people: Sequence[RatingsByItem],
    n: int,
    hidden: Sequence[Collection[int]],
) -> list[list[Recommended]]:
    """``recommend`` for each of ``people`` by their model with what they hid, in one pass for each
    model."""
    ranked: list[list[Recommendation]] = [[]] * len(people)
    for model in {id(model): model for model in models}.values():
        places = [place for place, its in enumerate(models) if its is model]
        theirs, unwanted = [people[p] for p in places], [hidden[p] for p in places]
        with timing.part("batch"):
            lists = batch.recommend_many(model, theirs, n, unwanted)
        for place, one in zip(places, lists, strict=True):
            ranked[place] = one
    items = items_by_id({r.item_id for one in ranked for r in one})
    return [[_with_title(r, items[r.item_id]) for r in one if r.item_id in items] for one in ranked]


def _with_title(r: Recommendation, item: Item, because: Item | None = None) -> Recommended:
    return Recommended(item, r.score, r.predicted_rating, r.match, because)


def why(
    model: Model,
    ratings: RatingsByItem,
    item_id: int,
    hidden: Collection[int] = (),
    counted: int = 3,
) -> Why | None:
    """What makes up the score of a title that is on the person's list, and how it would stand
    without each of the ``counted`` ratings that add most."""
    with timing.part("reasons"):
        explained = explain(model, ratings, item_id)
    rank = _rank(model, ratings, item_id, hidden)
    if explained is None or rank is None:
        return None
    adding = sorted((p for p in explained.parts.items() if p[1]), key=lambda p: -p[1])
    items = items_by_id([item for item, _ in adding])
    parts = [
        RatingContribution(
            items[item],
            ratings[item],
            part,
            rank_without(model, ratings, item_id, item, hidden) if place < counted else None,
        )
        for place, (item, part) in enumerate(adding)
        if item in items
    ]
    silent = len(explained.parts) - len(adding)
    return Why(rank, explained.score, explained.popularity, parts, silent)


def rank_without(
    model: Model, ratings: RatingsByItem, item_id: int, removed: int, hidden: Iterable[int] = ()
) -> int | None:
    """The place of ``item_id`` on the list of someone who never rated ``removed``."""
    rest = {item: stars for item, stars in ratings.items() if item != removed}
    return _rank(model, rest, item_id, hidden)


def _rank(model: Model, ratings: RatingsByItem, item_id: int, hidden: Iterable[int]) -> int | None:
    person = fold_in(model, ratings)
    with timing.part("reasons"):
        return model.rank(person, item_id, hidden)


def predicted(model: Model, ratings: RatingsByItem, items: Sequence[Item]) -> dict[int, float]:
    """Predicted stars or the match by item id, for those of ``items`` that the model knows."""
    return feedback_kind.current().guess(
        model, fold_in(model, ratings), [item.id for item in items]
    )


def predict_before_rating(current: Model | None, ratings: RatingsByItem, item: Item) -> Prediction:
    """What we would say of ``item`` at this moment."""
    if current is None:
        return Prediction(community=item.rating_mean)
    stars = current.estimate(fold_in(current, ratings), [item.id]).get(item.id)
    return Prediction(stars, item.rating_mean, current.version)


def rate_and_log_prediction(
    user_id: int, item: Item, stars: float, via: str, current: Model | None
) -> tuple[datetime, float | None]:
    """Store a rating; a first one together with what we would have said of the title.

    Gives when it was stored, and the rating before, if there was one.
    """
    own = ratings_of(user_id)
    before = own.get(item.id)
    told = NO_PREDICTION if before is not None else predict_before_rating(current, own, item)
    return rate(user_id, item.id, stars, told, via), before


def main_reason(explained: Explanation | None) -> int | None:
    """The id of the rating that adds most, if any adds something."""
    if explained is None or not explained.parts:
        return None
    item, part = max(explained.parts.items(), key=lambda p: p[1])
    return item if part > 0 else None
