"""Results of an experiment: figures of both variants, and whether they differ significantly."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import and_, func, select, true

from app.extensions import db
from app.feedback.ratings import RECOMMENDATION, REST
from app.models import Experiment, Exposure, Rating
from app.recommend.variants import CONTROL, TREATMENT
from recommender.confidence_intervals import Interval, difference, ratio, times_needed

# The relative difference from the control's rate that an experiment should detect.
EFFECT = 0.10
# Intervals hold for many users only; with fewer a variant no conclusion is drawn.
FEWEST = 100


@dataclass(frozen=True)
class VariantResult:
    """``shown``: items, each once a user. ``accepted``: the share of them that was rated as
    recommended. ``rating``: the mean of those ratings."""

    people: int
    shown: int
    accepted: Interval | None
    rating: Interval | None


@dataclass(frozen=True)
class Comparison:
    """A figure of both variants; ``difference`` is treatment minus control."""

    control: Interval
    treatment: Interval
    difference: Interval

    @property
    def tells(self) -> int:
        """1 if the treatment is significantly higher, -1 if it is lower, else 0."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None or low <= 0 <= high:
            return 0
        return 1 if low > 0 else -1


@dataclass(frozen=True)
class ExperimentResults:
    """``needed``: users by variant that are needed to detect ``EFFECT``; None if still unknown."""

    arms: dict[str, VariantResult]
    accepted: Comparison | None
    rating: Comparison | None
    needed: dict[str, int] | None

    @property
    def missing(self) -> dict[str, int]:
        """The number of users that each variant lacks; empty if ``needed`` is None."""
        return {
            arm: max(0, needed - self.arms[arm].people)
            for arm, needed in (self.needed or {}).items()
        }

    @property
    def is_enough(self) -> bool:
        return self.needed is not None and not any(self.missing.values())


def results_of(experiment: Experiment) -> ExperimentResults:
    """Return the results at present, or at the end of an experiment that has ended."""
    arms = {arm: _result(experiment, arm) for arm in (CONTROL, TREATMENT)}
    control, treatment = arms.values()
    accepted = _compare(control.accepted, treatment.accepted)
    rating = _compare(control.rating, treatment.rating)
    return ExperimentResults(arms, accepted, rating, _needed(arms, accepted))


def _result(experiment: Experiment, arm: str) -> VariantResult:
    """Return the result of a variant, from the counts and sums of each user.

    Ratings by REST count as ratings of recommendations, implicit ratings do not count.
    """
    until = experiment.ended_at
    rated = and_(
        Rating.user_id == Exposure.user_id,
        Rating.item_id == Exposure.item_id,
        Rating.via.in_((RECOMMENDATION, REST)),
        Rating.is_implicit.is_(False),
        Rating.rated_at <= until if until else true(),
    )
    rows = db.session.execute(
        select(func.count(), func.count(Rating.item_id), func.sum(Rating.rating))
        .select_from(Exposure)
        .outerjoin(Rating, rated)
        .where(
            Exposure.experiment_id == experiment.id,
            Exposure.arm == arm,
            Exposure.shown_at <= until if until else true(),
        )
        .group_by(Exposure.user_id)
    ).all()
    shown, counts = [row[0] for row in rows], [row[1] for row in rows]
    stars = [row[2] or 0.0 for row in rows]
    return VariantResult(len(rows), sum(shown), ratio(counts, shown), ratio(stars, counts))


def _compare(control: Interval | None, treatment: Interval | None) -> Comparison | None:
    if control is None or treatment is None:
        return None
    return Comparison(control, treatment, difference(control, treatment))


def _needed(arms: dict[str, VariantResult], accepted: Comparison | None) -> dict[str, int] | None:
    if accepted is None or not accepted.control.value:
        return None
    times = times_needed(accepted.difference, EFFECT * accepted.control.value)
    if times is None:
        return None
    return {arm: max(FEWEST, math.ceil(times * result.people)) for arm, result in arms.items()}
