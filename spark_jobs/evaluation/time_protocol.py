"""Protocol T: lists for what people rate later, for newcomers, and from an older release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark import RDD

from recommender.arrays import Float64Array
from recommender.errors import DataError
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.baselines import Ranker, ServedModel
from spark_jobs.evaluation.case_metrics import (
    CaseValues,
    map_cases,
    means,
    ndcg_after,
    ranking_values,
    replay_values,
)
from spark_jobs.evaluation.fit_rankers import (
    POPULARITY,
    FittedRankers,
    choose_within,
    fit_rankers,
)
from spark_jobs.evaluation.items_anew import folded_in_anew
from spark_jobs.evaluation.paired import (
    Differences,
    PairedValues,
    as_case_values,
    paired_difference,
)
from spark_jobs.evaluation.splits import Case, user_ids
from spark_jobs.evaluation.tables import Curve, Scores
from spark_jobs.evaluation.time_split import Timeline, TimeSplit
from spark_jobs.protocols import LIKED, SERVED
from spark_jobs.training_set import TrainingSet, tell

# Shares of all ratings, by time: what the model is fitted on, and how far its test goes. Shares
# that an older release would have been fitted on come first.
TEST, TEST_END = (0.5, 0.6, 0.7, 0.8), 1.0
# A validation split ends where the test begins.
VALIDATION, VALIDATION_END = (0.3, 0.4, 0.5, 0.6), 0.8
# A newcomer's list of an older release is looked at after so many ratings.
RATINGS_OF_NEWCOMERS = 10
DAY = 86_400


@dataclass(frozen=True)
class TimeResults:
    """``scores`` of people with a past, ``curve`` of newcomers, ``ageing``: a row for each age."""

    scores: Scores
    differences: dict[str, Differences]
    curve: Curve
    ageing: list[dict[str, Any]]
    people: int


@dataclass(frozen=True)
class Rankings:
    """Fits rankers on the ratings given up to a second."""

    timeline: Timeline
    training: TrainingSet
    settings: Config
    solver: str

    def fit(self, second: int, baselines: bool) -> FittedRankers:
        tell(f"protocol T, ratings until {np.datetime64(second, 's').astype('datetime64[D]')}")
        ratings, seed = self.timeline.fitted(second), self.settings.seed
        settings = self.settings
        if settings.chosen and (
            chosen := choose_within(ratings, self.training, settings, seed, self.solver, LIKED)
        ):
            settings = chosen.in_settings(settings)
        return fit_rankers(
            ratings,
            self.training,
            settings,
            protocol="T",
            seed=seed,
            solver=self.solver,
            baselines=baselines,
        )


def measure_over_time(
    training: TrainingSet, settings: Config, solver: str, baselines: bool, validation: bool
) -> TimeResults:
    """Measure protocol T, which draws nothing at random but the initial factors. Raises DataError
    where the times of the ratings do not differ, or too few people rate later."""
    if training.timed is None:
        raise DataError(f"{training.catalogue.name}: read without times; leave protocol T out")
    timeline = Timeline.build(training.timed, training.stars.items.ids)
    shares, end = (VALIDATION, VALIDATION_END) if validation else (TEST, TEST_END)
    cuts = [timeline.cut(share) for share in shares]
    made = timeline.split(cuts[-1], timeline.cut(end))
    people = _check(training.catalogue.name, made)
    rankings = Rankings(timeline, training, settings, solver)
    fitted = rankings.fit(cuts[-1], baselines)
    values = {
        name: ranking_values(made.regulars, ranker, LIKED)
        for name, ranker in fitted.rankers.items()
    }
    newcomers = {
        name: replay_values(made.newcomers, fitted.rankers[name], LIKED)
        for name in (SERVED, POPULARITY)
    }
    ageing = _ageing(made, [(cut, rankings) for cut in cuts[:-1]], (cuts[-1], fitted))
    return TimeResults(
        scores={name: means(measured) for name, measured in values.items()},
        differences={
            "T": _differences(made.regulars, values),
            "T, newcomers": _differences(made.newcomers, as_case_values(newcomers)),
        },
        curve=newcomers,
        ageing=ageing,
        people=people,
    )


def _differences(cases: RDD[Case], by_ranker: dict[str, CaseValues]) -> Differences:
    paired = PairedValues()
    paired.add(user_ids(cases), by_ranker)
    return paired.differences()


def _check(name: str, made: TimeSplit) -> int:
    regulars = made.regulars.count()
    if regulars < 2:
        raise DataError(
            f"{name}: protocol T: {regulars} people rated both before and after the"
            " cut; give more ratings, or leave the protocol out"
        )
    return regulars + made.newcomers.count()


def _ageing(
    made: TimeSplit, older: Sequence[tuple[int, Rankings]], newest: tuple[int, FittedRankers]
) -> list[dict[str, Any]]:
    """Compare the lists of releases fitted earlier, for the same people with the same ratings; also
    with the items folded in anew that have many more raters since."""
    users = np.concatenate([user_ids(made.regulars), user_ids(made.newcomers)])
    last, fitted = newest
    now = _later_ndcg(made, fitted.rankers[SERVED])
    rows = []
    for cut, rankings in older:
        model = rankings.fit(cut, baselines=False).served
        then = _later_ndcg(made, ServedModel(model))
        until_now = rankings.timeline.until(last)
        anew = _later_ndcg(made, ServedModel(folded_in_anew(model, until_now)))
        rows.append(
            {
                **_point(cut, last, then),
                "loss": paired_difference(users, now, then),
                "gain_anew": paired_difference(users, anew, then),
            }
        )
    return [*rows, {**_point(last, last, now), "loss": None, "gain_anew": None}]


def _point(cut: int, last: int, values: Float64Array) -> dict[str, Any]:
    return {
        "until": str(np.datetime64(cut, "s").astype("datetime64[D]")),
        "days": (last - cut) / DAY,
        "ndcg": float(np.nanmean(values)),
        "people": int(np.isfinite(values).sum()),
    }


def _later_ndcg(made: TimeSplit, ranker: Ranker) -> Float64Array:
    """NDCG@10 of everyone: people with a past, newcomers after their first ratings."""
    after = ranking_values(made.regulars, ranker, LIKED)["NDCG@10"]

    def measure(ranker: Ranker, case: Case) -> float:
        ratings = list(case.known.items())
        first, later = ratings[:RATINGS_OF_NEWCOMERS], ratings[RATINGS_OF_NEWCOMERS:]
        return ndcg_after(ranker, dict(first), dict(later), RATINGS_OF_NEWCOMERS, LIKED)

    return np.concatenate([after, np.array(map_cases(made.newcomers, ranker, measure), float)])


def ageing_sentence(ageing: Sequence[dict[str, Any]]) -> str:
    """Say how often to retrain: by the youngest release that is worse beyond chance."""
    *older, newest = ageing
    worse = [row for row in older if row["loss"] and (row["loss"]["low"] or 0) > 0]
    if not worse:
        oldest = max(older, key=lambda row: row["days"])
        return (
            f"A release fitted {_age(oldest)} earlier ranks no worse beyond chance: retraining more"
            " often serves new titles, not the order of those that are known."
        )
    first = min(worse, key=lambda row: row["days"])
    fine = [row["days"] for row in older if row["days"] < first["days"]]
    since = f"retrain at least every {_age({'days': max(fine)})}" if fine else "retrain more often"
    return (
        f"A release fitted {_age(first)} earlier loses {first['loss']['difference']:.3f} of"
        f" {newest['ndcg']:.3f}, beyond chance: {since}."
    )


def _age(row: dict[str, Any]) -> str:
    days = row["days"]
    return f"{days / 30.44:.0f} months" if days > 60 else f"{days:.0f} days"
