"""Accuracy of a user's predictions, against the ratings that followed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from sqlalchemy import select

from app.extensions import db
from app.feedback.ratings import IMPORT
from app.models import Item, Rating
from recommender.confidence_intervals import Interval, ratio

# Each point of the curves is the mean error of this many ratings up to it.
WINDOW = 10
LATEST = 12


@dataclass(frozen=True)
class PredictedRating:
    """A rating with its prediction and the community mean before it."""

    item: Item
    rating: float
    predicted: float
    community: float

    @property
    def error(self) -> float:
        return abs(self.predicted - self.rating)

    @property
    def community_error(self) -> float:
        return abs(self.community - self.rating)


@dataclass(frozen=True)
class Accuracy:
    """Mean absolute errors of predictions and of the community mean; predictions oldest first.

    ``gain``: the difference of the two errors, with its 95 % interval.
    """

    predictions: list[PredictedRating]
    error: float | None
    community_error: float | None
    gain: Interval | None

    @cached_property
    def curves(self) -> list[tuple[float, float]]:
        """Mean (error, community error) of the WINDOW ratings up to each, from the WINDOW-th on."""
        return [
            (fmean(t.error for t in part), fmean(t.community_error for t in part))
            for end in range(WINDOW, len(self.predictions) + 1)
            for part in [self.predictions[end - WINDOW : end]]
        ]

    @property
    def latest(self) -> list[PredictedRating]:
        return self.predictions[: -LATEST - 1 : -1]


def accuracy_of(user_id: int, per_star: float = 1.0) -> Accuracy:
    """Return the accuracy of a user's predictions, without those of imported ratings.

    In stars, or where ``per_star`` is what one star is on another scale, on that.
    """
    rows = db.session.execute(
        select(Item, Rating.rating, Rating.predicted, Rating.community)
        .join(Rating, Rating.item_id == Item.id)
        .where(
            Rating.user_id == user_id,
            Rating.predicted.is_not(None),
            Rating.community.is_not(None),
            Rating.via.is_distinct_from(IMPORT),
        )
        .order_by(Rating.rated_at, Item.id)
    )
    predictions = [
        PredictedRating(item, *((value or 0.0) * per_star for value in values))
        for item, *values in rows
    ]
    if not predictions:
        return Accuracy([], None, None, None)
    return Accuracy(
        predictions,
        fmean(t.error for t in predictions),
        fmean(t.community_error for t in predictions),
        ratio([t.community_error - t.error for t in predictions], [1] * len(predictions)),
    )
