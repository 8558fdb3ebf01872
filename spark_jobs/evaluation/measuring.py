"""Measures the model and its baselines on splits of a data set, by protocol and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import asdict
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender.arrays import Float64Array
from recommender.catalogue import Catalogue
from recommender.errors import ConfigError, DataError
from recommender.feedback import IMPLICIT
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.config.configuration import Config, Gate
from spark_jobs.datasets.read import read_datasets
from spark_jobs.evaluation.case_metrics import (
    beyond_accuracy,
    catalogue_auc,
    ndcg_after,
    ranking_metrics,
    star_metrics,
)
from spark_jobs.evaluation.fit_rankers import POPULARITY, FittedRankers, fit_rankers
from spark_jobs.evaluation.splits import (
    Case,
    Divide,
    Split,
    by_person,
    by_rating,
    split,
    validation,
    within_person,
)
from spark_jobs.evaluation.tables import (
    CURVE,
    Curve,
    Scores,
    Values,
    add_scores,
    join_curves,
    summarize,
)
from spark_jobs.exploration import by_month, describe
from spark_jobs.protocols import (
    ANY_RATING,
    BY_PERSON,
    BY_RATING,
    CATALOGUE,
    LIKED,
    PROTOCOLS,
    RANKING,
    SERVED,
    STARS,
    WITHIN_PERSON,
)
from spark_jobs.training_set import TrainingSet, check_ranks, merge, tell

# By (protocol whose split it is, seed).
Splits = dict[tuple[str, int], Split]


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure. ``validation``: on splits to choose parameters on. ``baselines``: also the
    costly ones. ``people``: the most that G holds out."""

    protocols: tuple[str, ...]
    seeds: tuple[int, ...]
    validation: bool = False
    baselines: bool = True
    people: int = Gate().people
    solver: str = "als"


def evaluate(
    spark: SparkSession, folders: Sequence[str], settings: Config, plan: EvaluationPlan
) -> dict[str, Any]:
    """Read ``folders``, measure, and return the report that ``evaluate --out`` writes.

    Raises MarqueeError before anything is fitted.
    """
    datasets = read_datasets(spark, settings.dataset, folders)
    months = by_month(datasets)
    training = merge(datasets, settings)
    exploration = describe(training, months)
    return {**evaluate_set(training, settings, plan), "exploration": exploration}


def evaluate_set(training: TrainingSet, settings: Config, plan: EvaluationPlan) -> dict[str, Any]:
    """Measure ratings that have been read."""
    check_ranks(training.catalogue, settings)
    splits = _make_splits(training, plan)
    people = sum(
        _check_protocol(training.catalogue, protocol, seed, made)
        for (protocol, seed), made in splits.items()
    )
    values: dict[str, Values] = {name: {} for name in plan.protocols}
    curves: list[Curve] = []
    notes: dict[str, None] = {}
    seconds: dict[str, list[float]] = {}
    for (protocol, seed), made in splits.items():
        tell(f"protocol {protocol}, seed {seed}")
        fitted = fit_rankers(
            made.fitted(),
            training,
            settings,
            protocol=protocol,
            seed=seed,
            solver=plan.solver,
            baselines=plan.baselines,
        )
        notes |= dict.fromkeys(fitted.notes)
        for stage, duration in fitted.seconds.items():
            seconds.setdefault(stage, []).append(duration)
        if protocol in values:
            add_scores(values[protocol], _measure(protocol, made.cases, fitted, training))
        if "E" in plan.protocols and protocol == _split_of("E", plan.protocols):
            add_scores(values["E"], _measure_lists(made.cases, fitted, training))
            curves.append(_curve(made.cases, fitted, least_liked(training.catalogue)))
        made.cases.unpersist()
    return {
        "data": asdict(training.catalogue),
        "settings": {name: asdict(getattr(settings, name)) for name in _models(training.catalogue)},
        "validation": plan.validation,
        "seeds": list(plan.seeds),
        "people": people,
        "notes": list(notes),
        "seconds": {stage: float(np.mean(durations)) for stage, durations in seconds.items()},
        "protocols": {name: summarize(scores) for name, scores in values.items()},
        "fold_in_curve": join_curves(curves),
    }


def _models(catalogue: Catalogue) -> tuple[str, ...]:
    lists = ("ranking", "neighbourhood")
    return lists if catalogue.feedback == IMPLICIT else (*lists, "rating")


def least_liked(catalogue: Catalogue) -> float:
    """Return the lowest rating that counts as liked."""
    return ANY_RATING if catalogue.feedback == IMPLICIT else LIKED


# --- splits ---


def _make_splits(training: TrainingSet, plan: EvaluationPlan) -> Splits:
    """Raises ConfigError for a protocol that cannot measure the catalogue's feedback."""
    for name in plan.protocols:
        if not _metrics_of(name, training.catalogue):
            raise ConfigError(
                f"{training.catalogue.name}: nobody gives stars; leave protocol {name} out"
            )
    return {
        (name, seed): _split(training.stars, name, seed, plan)
        for name in sorted({_split_of(name, plan.protocols) for name in plan.protocols})
        for seed in plan.seeds
    }


def _metrics_of(protocol: str, catalogue: Catalogue) -> tuple[str, ...]:
    implicit = catalogue.feedback == IMPLICIT
    return PROTOCOLS[protocol].implicit_metrics if implicit else PROTOCOLS[protocol].metrics


def _split_of(name: str, protocols: Sequence[str]) -> str:
    """Return the protocol whose split is used: its own; for E that of G if measured, else of B."""
    if PROTOCOLS[name].split:
        return name
    return "G" if "G" in protocols else "B"


def _split(ratings: BlockedRatings, protocol: str, seed: int, plan: EvaluationPlan) -> Split:
    limit = plan.people if protocol == "G" else None
    divides: Mapping[str | None, Callable[[int], Divide]] = {
        BY_RATING: by_rating,
        BY_PERSON: lambda seed: by_person(seed, ratings.users.ids, limit),
        WITHIN_PERSON: within_person,
    }
    divide = divides[PROTOCOLS[protocol].split]
    return split(ratings, validation(divide, seed) if plan.validation else divide(seed), seed)


def _check_protocol(catalogue: Catalogue, protocol: str, seed: int, made: Split) -> int:
    where = f"{catalogue.name}: protocol {protocol}, seed {seed}"
    instead = "train with --promote always" if protocol == "G" else "leave the protocol out"
    return check_cases(where, made, 1 if protocol == "A" else 2, instead, least_liked(catalogue))


def check_cases(where: str, made: Split, least: int, instead: str, liked: float) -> int:
    """Count the people to test on. Raises DataError where they are too few to measure.

    ``instead``: the remedy without more ratings.
    """
    highest = made.cases.map(lambda case: max(case.held.values())).collect()
    people, positives = len(highest), sum(stars >= liked for stars in highest)
    if people < least or not positives:
        raise DataError(
            f"{where}: {people} people to test on, {positives} of them with a held-out rating of"
            f" {liked:g} or more; give more ratings, or {instead}"
        )
    return people


def _measure(
    protocol: str, cases: RDD[Case], fitted: FittedRankers, training: TrainingSet
) -> Scores:
    """Measure every ranker or predictor that a protocol compares."""
    groups = _metrics_of(protocol, training.catalogue)
    item_ids = training.stars.items.ids
    least = min(PROTOCOLS[protocol].relevant, least_liked(training.catalogue))
    names: Iterable[str] = fitted.predictors if groups == (STARS,) else fitted.rankers
    if not PROTOCOLS[protocol].baselines:
        names = [SERVED]
    scores: Scores = {name: {} for name in names}
    for name, measured in scores.items():
        if STARS in groups:
            measured |= star_metrics(cases, fitted.predictors[name])
        if CATALOGUE in groups:
            measured |= catalogue_auc(cases, fitted.rankers[name], item_ids)
        if RANKING in groups:
            measured |= ranking_metrics(cases, fitted.rankers[name], least)
    return scores


def _measure_lists(cases: RDD[Case], fitted: FittedRankers, training: TrainingSet) -> Scores:
    genres = _genres(training)
    return {
        name: beyond_accuracy(cases, ranker, genres, fitted.counts, fitted.people)
        for name, ranker in fitted.rankers.items()
    }


def _genres(training: TrainingSet) -> dict[int, Float64Array]:
    """By item id, 1 for each genre that the title has, else 0."""
    names = sorted({genre for item in training.items for genre in item.genres})
    return {
        item.item_id: np.array([float(name in item.genres) for name in names])
        for item in training.items
    }


def _curve(cases: RDD[Case], fitted: FittedRankers, least: float) -> Curve:
    return {
        name: {n: ndcg_after(cases, fitted.rankers[name], n, least) for n in CURVE}
        for name in (SERVED, POPULARITY)
    }
