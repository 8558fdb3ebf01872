"""Measures the model and its baselines on splits of a data set, by protocol and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import to_builtins
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender.arrays import Float64Array
from recommender.catalogue import Catalogue
from recommender.feedback import EXPLICIT, IMPLICIT
from spark_jobs.config.configuration import Config, shown_params
from spark_jobs.evaluation.case_metrics import (
    CaseValues,
    beyond_accuracy,
    catalogue_auc,
    curve_values,
    means,
    ranking_values,
    star_metrics,
)
from spark_jobs.evaluation.fit_rankers import (
    POPULARITY,
    FittedRankers,
    choose_within,
    fit_rankers,
)
from spark_jobs.evaluation.new_titles import measure_new_titles
from spark_jobs.evaluation.paired import PairedValues, as_case_values
from spark_jobs.evaluation.protocol_splits import (
    EvaluationPlan,
    check_protocol,
    least_liked,
    make_splits,
    metrics_of,
    split_of,
)
from spark_jobs.evaluation.serving_weights import (
    ChosenWeights,
    choose_weights,
    halves,
    weight_notes,
)
from spark_jobs.evaluation.splits import (
    Case,
    Split,
    user_ids,
)
from spark_jobs.evaluation.tables import (
    Curve,
    Scores,
    Values,
    add_scores,
    join_curves,
    summarize,
)
from spark_jobs.evaluation.time_protocol import ageing_sentence, measure_over_time
from spark_jobs.exploration import by_month, describe
from spark_jobs.protocols import (
    CATALOGUE,
    PROTOCOLS,
    RANKING,
    SERVED,
    STARS,
)
from spark_jobs.training_set import (
    TrainingSet,
    check_ranks,
    merge,
    read_inputs,
    tell,
    with_fitting_ranks,
)


def evaluate(
    spark: SparkSession, folders: Sequence[str], settings: Config, plan: EvaluationPlan
) -> dict[str, Any]:
    """Read ``folders``, measure, and return the report that ``evaluate --out`` writes.

    Raises MarqueeError before anything is fitted.
    """
    datasets = read_inputs(spark, settings, folders)
    months = by_month(datasets)
    training = merge(datasets, settings, keep_times="T" in plan.protocols)
    exploration = describe(training, months)
    return {**evaluate_set(training, settings, plan), "exploration": exploration}


def evaluate_set(training: TrainingSet, settings: Config, plan: EvaluationPlan) -> dict[str, Any]:
    """Measure ratings that have been read."""
    settings = with_fitting_ranks(settings, training.catalogue)
    check_ranks(training.catalogue, settings)
    splits = make_splits(training, plan)
    for (protocol, seed), made in splits.items():
        check_protocol(training.catalogue, protocol, seed, made)
    people = 0
    values: dict[str, Values] = {name: {} for name in plan.protocols}
    paired = {name: PairedValues() for name in (*plan.protocols, "E")}
    curves: list[Curve] = []
    weights: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    seconds: dict[str, list[float]] = {}
    for (protocol, seed), made in splits.items():
        tell(f"protocol {protocol}, seed {seed}")
        fitted, tested, chosen = _fit(protocol, seed, made, training, settings, plan)
        if chosen:
            weights.append({"protocol": protocol, "seed": seed, **chosen.as_figures()})
        notes |= dict.fromkeys(fitted.notes)
        for stage, duration in fitted.seconds.items():
            seconds.setdefault(stage, []).append(duration)
        users = user_ids(tested)
        people += len(users)
        if protocol in values:
            scores, of_cases = _measure(protocol, tested, fitted, training)
            add_scores(values[protocol], scores)
            paired[protocol].add(users, of_cases)
        if "E" in plan.protocols and protocol == split_of("E", plan.protocols):
            add_scores(values["E"], _measure_lists(tested, fitted, training))
            curves.append(_curve(tested, fitted, least_liked(training.catalogue)))
            paired["E"].add(users, as_case_values(curves[-1]))
        made.cases.unpersist()
    report: dict[str, Any] = {
        "data": to_builtins(training.catalogue),
        "settings": {name: shown_params(settings, name) for name in _models(training.catalogue)},
        "validation": plan.validation,
        "seeds": list(plan.seeds),
        "people": people,
        "weights": weights,
        "fold_in_curve": join_curves(curves),
        "differences": {name: found for name in paired if (found := paired[name].differences())},
    }
    if "T" in plan.protocols:
        over_time = measure_over_time(
            training, settings, plan.solver, plan.baselines, plan.validation
        )
        add_scores(values["T"], over_time.scores)
        report["people"] += over_time.people
        report["differences"] |= over_time.differences
        report["newcomers_curve"] = join_curves([over_time.curve])
        report["ageing"] = over_time.ageing
        report["ageing_sentence"] = ageing_sentence(over_time.ageing)
    if "N" in plan.protocols:
        for seed in plan.seeds:
            scores, number = measure_new_titles(
                training,
                settings,
                plan.solver,
                seed,
                least_liked(training.catalogue),
                plan.validation,
            )
            add_scores(values["N"], scores)
            report["people"] += number
    return {
        **report,
        "notes": [*notes, *weight_notes(weights)],
        "seconds": {stage: float(np.mean(durations)) for stage, durations in seconds.items()},
        "protocols": {name: summarize(scores) for name, scores in values.items()},
    }


def _fit(
    protocol: str,
    seed: int,
    made: Split,
    training: TrainingSet,
    settings: Config,
    plan: EvaluationPlan,
) -> tuple[FittedRankers, RDD[Case], ChosenWeights | None]:
    """Fit what a protocol compares. Return it, the cases to test on, and the weights chosen.

    G chooses on half of its people and tests on the others, from one fit, as a release is judged.
    The other protocols choose on people within the part to fit on, and fit again.
    """
    ratings, least = made.fitted(), least_liked(training.catalogue)
    fit = partial(fit_rankers, training=training, protocol=protocol, seed=seed, solver=plan.solver)
    if protocol == "G":
        fitted = fit(ratings, settings=settings, baselines=plan.baselines)
        parts = halves(made.cases) if settings.chosen else None
        if parts is None:
            return fitted, made.cases, None
        chosen = choose_weights(parts[0], fitted.served.release, settings, least)
        return fitted.reweighted(chosen) if chosen else fitted, parts[1], chosen
    chosen = None
    if settings.chosen and RANKING in metrics_of(protocol, training.catalogue):
        chosen = choose_within(ratings, training, settings, seed, plan.solver, least)
    settings = chosen.in_settings(settings) if chosen else settings
    return fit(ratings, settings=settings, baselines=plan.baselines), made.cases, chosen


def _models(catalogue: Catalogue) -> tuple[str, ...]:
    lists = ("ranking", "neighbourhood")
    return lists if catalogue.feedback == IMPLICIT else (*lists, "rating")


def _measure(
    protocol: str, cases: RDD[Case], fitted: FittedRankers, training: TrainingSet
) -> tuple[Scores, dict[str, CaseValues]]:
    """Measure every ranker or predictor that a protocol compares: means, and each case's values of
    those that are means over the people."""
    groups = metrics_of(protocol, training.catalogue)
    item_ids = training.stars.items.ids
    least = min(PROTOCOLS[protocol].relevant, least_liked(training.catalogue))
    names: Iterable[str] = fitted.predictors if groups == (STARS,) else fitted.rankers
    if not PROTOCOLS[protocol].baselines:
        names = [SERVED]
    scores: Scores = {name: {} for name in names}
    values: dict[str, CaseValues] = {name: {} for name in names}
    for name, of_cases in values.items():
        if STARS in groups:
            scores[name] |= star_metrics(cases, fitted.predictors[name])
        if CATALOGUE in groups:
            of_cases |= catalogue_auc(cases, fitted.rankers[name], item_ids)
        if RANKING in groups:
            of_cases |= ranking_values(cases, fitted.rankers[name], least)
        scores[name] |= means(of_cases)
    return scores, values


def _measure_lists(cases: RDD[Case], fitted: FittedRankers, training: TrainingSet) -> Scores:
    genres, stars = _genres(training), training.catalogue.feedback == EXPLICIT
    return {
        name: beyond_accuracy(cases, ranker, genres, fitted.counts, fitted.people, stars)
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
    return {name: curve_values(cases, fitted.rankers[name], least) for name in (SERVED, POPULARITY)}
