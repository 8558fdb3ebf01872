"""Searches a grid by successive halving, a fold at a time."""

from __future__ import annotations

import io
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from msgspec.structs import asdict, replace
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender.model import Model
from recommender.params import ModelParams, RankingParams
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.als.solver import FittedFactors, Params
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.baselines import ServedModel
from spark_jobs.evaluation.case_metrics import ranking_metrics, star_metrics
from spark_jobs.evaluation.fit_rankers import as_release
from spark_jobs.evaluation.protocol_splits import check_cases, least_liked
from spark_jobs.evaluation.splits import Case, Split, person_fold, rating_fold, split
from spark_jobs.fit_models import Fitter, fit_models
from spark_jobs.neighbourhood.fit import FittedNeighbourhood
from spark_jobs.progress import ProgressBar
from spark_jobs.training_set import (
    TrainingSet,
    check_ranks,
    merge,
    read_inputs,
    tell,
    with_fitting_ranks,
)
from spark_jobs.tuning.grid import Grid, with_params
from spark_jobs.tuning.outcome import METRIC, Measures, best, differing_values, ranked
from spark_jobs.tuning.results import TuningResults, fingerprint, key


def tune(
    spark: SparkSession,
    folders: Sequence[str],
    settings: Config,
    grid: Grid,
    folds: int,
    results: TuningResults,
    minutes: float | None = None,
) -> Measures:
    """Search the candidates of each model, with the best of the models before: the neighbourhood is
    added to the ranking model, and the rating model uses its factors. Of ``minutes`` each model has
    an equal share of what is left. Raises MarqueeError before anything is fitted."""
    training = merge(read_inputs(spark, settings, folders), settings)
    settings = with_fitting_ranks(settings, training.catalogue)
    for params in itertools.chain(*grid.values()):
        check_ranks(training.catalogue, with_params(settings, params))
    splits = {model: divide(training, model, folds, settings.seed) for model in grid}
    about = {"data": fingerprint(training), "folds": folds, "seed": settings.seed}
    measures: Measures = {}
    end = time.monotonic() + 60 * minutes if minutes else math.inf
    for number, (model, candidates) in enumerate(grid.items()):
        now = time.monotonic()
        deadline = now + (end - now) / (len(grid) - number)
        search = Search(model, candidates, splits[model], about, results, deadline)
        measures[model] = search.run(training, settings)
        settings = with_params(settings, best(model, measures[model]))
    return measures


@dataclass(frozen=True)
class Search:
    """The search for one model, by successive halving: a fold measures the better half of what the
    folds before left, and the configuration as it is.

    ``about``: what the keys of its results share. ``deadline``: when it ends, by the monotonic
    clock; a fold that was not finished then does not count, unless it is the first.
    """

    model: str
    candidates: list[ModelParams]
    splits: list[Split]
    about: Mapping[str, Any]
    results: TuningResults
    deadline: float = math.inf

    def run(self, training: TrainingSet, settings: Config) -> dict[ModelParams, list[float]]:
        """Return each candidate's metric on each fold that it was tried on: from the results file,
        or measured now."""
        measured: dict[ModelParams, list[float]] = {params: [] for params in self.candidates}
        left = self.candidates
        for fold in range(len(self.splits)):
            values = self._measure(fold, left, training, settings)
            if fold == 0 or len(values) == len(left):
                for params, value in values.items():
                    measured[params].append(value)
            if len(values) < len(left):
                tell(f"{self.model} model: the time is up; {len(values)} of {len(left)} fits done")
                break
            order = ranked(self.model, measured)
            better = {self.candidates[0], *order[: math.ceil(len(left) / 2)]}
            left = [params for params in self.candidates if params in better]
        return measured

    def _measure(
        self, fold: int, left: Sequence[ModelParams], training: TrainingSet, settings: Config
    ) -> dict[ModelParams, float]:
        """Return the metric of these candidates on one fold, whose blocks are built once; fewer
        when the time is up."""
        keys = {params: self._key(with_params(settings, params), fold) for params in left}
        known, made = self.results.values, self.splits[fold]
        missing = [params for params in left if keys[params] not in known]
        place = f"{self.model} model, fold {fold + 1} of {len(self.splits)}"
        tell(f"{place}: {len(left) - len(missing)} of {len(left)} fits are known")
        if missing:
            stars = made.fitted()
            fitter = OnceFitter(ProgressBar(3, io.StringIO()), "als", settings.seed, {})
            for number, params in enumerate(missing, start=1):
                if time.monotonic() > self.deadline:
                    break
                chosen = with_params(settings, params)
                value = measure(self.model, stars, made.cases, training, chosen, fitter)
                self.results.add(keys[params], value)
                tell(
                    f"[{number}/{len(missing)}] {place}, {differing_values(params, left)}:"
                    f" {METRIC[self.model]} {value:.4f}"
                )
            stars.unpersist()
        return {params: known[keys[params]] for params in left if keys[params] in known}

    def _key(self, settings: Config, fold: int) -> str:
        models = ("ranking", "rating" if self.model == "rating" else "neighbourhood")
        params = {model: asdict(getattr(settings, model)) for model in models}
        return key(**self.about, head=self.model, fold=fold, params=params)


class OnceFitter(Fitter):
    """Reuses the last fit of the ranking model, and of the neighbourhood, where no parameter of
    the fit differs."""

    def fit(self, model: str, blocks: BlockedRatings, params: Params) -> FittedFactors:
        if not isinstance(params, RankingParams):
            return super().fit(model, blocks, params)
        fitted = replace(params, popularity_weight=1.0, min_ratings=1)
        if fitted not in self._made:
            self._made.clear()
            self._made[fitted] = super().fit(model, blocks, params)
        return self._made[fitted]

    def fit_neighbourhood(
        self, blocks: BlockedRatings, settings: Config
    ) -> FittedNeighbourhood | None:
        ranking, params = settings.ranking, replace(settings.neighbourhood, weight=1.0)
        fitted = params, ranking.neutral, ranking.playtime_weight
        if fitted not in self._neighbourhoods:
            self._neighbourhoods.clear()
            self._neighbourhoods[fitted] = super().fit_neighbourhood(blocks, settings)
        return self._neighbourhoods[fitted]

    @cached_property
    def _made(self) -> dict[Params, FittedFactors]:
        return {}

    @cached_property
    def _neighbourhoods(self) -> dict[Any, FittedNeighbourhood | None]:
        return {}


def divide(training: TrainingSet, model: str, folds: int, seed: int) -> list[Split]:
    """Split so that each rating, or for all but the rating model each user, is held out once.

    Raises DataError if a fold has nothing to measure on.
    """
    stars, splits = training.stars, []
    for fold in range(folds):
        if model != "rating":
            made = split(stars, person_fold(seed, stars.users.ids, fold, folds), seed)
        else:
            made = split(stars, rating_fold(seed, fold, folds), seed)
        where = f"{training.catalogue.name}: {model} model, fold {fold + 1} of {folds}"
        check_cases(where, made, 2, "ask for fewer folds", least_liked(training.catalogue))
        splits.append(made)
    return splits


def measure(
    model: str,
    stars: BlockedRatings,
    cases: RDD[Case],
    training: TrainingSet,
    settings: Config,
    fitter: Fitter,
) -> float:
    """Fit on ``stars``, measure on ``cases``."""
    with_rating = model == "rating"
    if with_rating:  # no stars depend on it
        off = replace(settings.neighbourhood, neighbours=0)
        settings = replace(settings, neighbourhood=off)
    models = fit_models(stars, training.items, training.catalogue, settings, fitter, with_rating)
    served = ServedModel(Model(as_release(models, training, settings)))
    if with_rating:
        return star_metrics(cases, served)[METRIC[model]]
    return ranking_metrics(cases, served, least_liked(training.catalogue))[METRIC[model]]
