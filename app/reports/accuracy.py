"""How well we know a person: what we said before each rating, against what they then said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from app.extensions import db
from app.feedback.ratings import IMPORT
from app.models import Item, Rating
from recommender.confidence_intervals import Interval, ratio

# The curves show the mean error of so many ratings up to each.
WINDOW = 10
LATEST = 12


@dataclass(frozen=True)
class PredictedRating:
    """One rating with what stood before it; ``ours``, ``theirs`` are absolute errors in stars."""

    item: Item
    rating: float
    predicted: float
    community: float

    @property
    def ours(self) -> float:
        return abs(self.predicted - self.rating)

    @property
    def theirs(self) -> float:
        return abs(self.community - self.rating)


@dataclass(frozen=True)
class Accuracy:
    """``told``: oldest first. Mean absolute errors, ours and the community average's; ``gain`` is
    by how much ours is smaller, with its 95 % interval."""

    predictions: list[PredictedRating]
    ours: float | None
    theirs: float | None
    gain: Interval | None

    @cached_property
    def curves(self) -> list[tuple[float, float]]:
        """(ours, theirs): mean errors over the WINDOW ratings up to each, from the WINDOW-th on."""
        return [
            (_mean([t.ours for t in part]), _mean([t.theirs for t in part]))
            for end in range(WINDOW, len(self.predictions) + 1)
            for part in [self.predictions[end - WINDOW : end]]
        ]

    @property
    def latest(self) -> list[PredictedRating]:
        return self.predictions[: -LATEST - 1 : -1]


def accuracy_of(user_id: int) -> Accuracy:
    """Of the ratings given here; what came in a file was not foretold one by one."""
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
    predictions = [PredictedRating(item, rating, p or 0.0, c or 0.0) for item, rating, p, c in rows]
    if not predictions:
        return Accuracy([], None, None, None)
    return Accuracy(
        predictions,
        _mean([t.ours for t in predictions]),
        _mean([t.theirs for t in predictions]),
        ratio([t.theirs - t.ours for t in predictions], [1] * len(predictions)),
    )


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)
