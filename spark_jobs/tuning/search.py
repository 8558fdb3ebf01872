"""Measures every candidate of a grid on every fold."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from msgspec.structs import asdict, replace
from pyspark import RDD
from pyspark.sql import SparkSession

from recommender.model import Model
from recommender.params import RankingParams
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
from spark_jobs.tuning.outcome import METRIC, Measures, best, differing_values
from spark_jobs.tuning.results import TuningResults, fingerprint, key


def tune(
    spark: SparkSession,
    folders: Sequence[str],
    settings: Config,
    grid: Grid,
    folds: int,
    results: TuningResults,
) -> Measures:
    """Measure every candidate of each model on every fold. The rating model is tuned with the best
    ranking model, whose factors it uses. Raises MarqueeError before anything is fitted."""
    training = merge(read_inputs(spark, settings, folders), settings)
    settings = with_fitting_ranks(settings, training.catalogue)
    for params in itertools.chain(*grid.values()):
        check_ranks(training.catalogue, with_params(settings, params))
    splits = {model: divide(training, model, folds, settings.seed) for model in grid}
    about = {"data": fingerprint(training), "folds": folds, "seed": settings.seed}
    measures: Measures = {}
    for model, candidates in grid.items():
        search = Search(model, candidates, splits[model], about, results)
        measures[model] = search.run(training, settings)
        settings = with_params(settings, best(model, measures[model]))
    return measures


@dataclass(frozen=True)
class Search:
    """The search for one model. ``about``: what the keys of its results share."""

    model: str
    candidates: list[Params]
    splits: list[Split]
    about: Mapping[str, Any]
    results: TuningResults

    def run(self, training: TrainingSet, settings: Config) -> dict[Params, list[float]]:
        """Return each candidate's metric on each fold: from the results file, or measured now."""
        folds = range(len(self.splits))
        keys = {
            (p, fold): self._key(with_params(settings, p), fold)
            for fold in folds
            for p in self.candidates
        }
        missing = [cell for cell in keys if keys[cell] not in self.results.values]
        known = f"{len(keys) - len(missing)} of {len(keys)} fits are known"
        tell(f"{self.model} model: {known} from {self.results.path}")
        started = time.monotonic()
        for number, value in enumerate(self._measured(missing, training, settings), start=1):
            params, fold = missing[number - 1]
            self.results.add(keys[params, fold], value)
            left = (time.monotonic() - started) / number * (len(missing) - number)
            tell(
                f"[{number}/{len(missing)}] {self.model} model, fold {fold + 1} of {len(folds)},"
                f" {differing_values(params, self.candidates)}: {METRIC[self.model]} {value:.4f};"
                f" about {_duration(left)} to go"
            )
        return {p: [self.results.values[keys[p, fold]] for fold in folds] for p in self.candidates}

    def _measured(
        self, cells: Sequence[tuple[Params, int]], training: TrainingSet, settings: Config
    ) -> Iterator[float]:
        """Yield the metric of each cell; the blocks of a fold are built once."""
        for fold, several in itertools.groupby(cells, lambda cell: cell[1]):
            made = self.splits[fold]
            stars = made.fitted()
            fitter = OnceFitter(ProgressBar(3, io.StringIO()), "als", settings.seed, {})
            for params, _ in several:
                yield measure(
                    self.model, stars, made.cases, training, with_params(settings, params), fitter
                )
            stars.unpersist()

    def _key(self, settings: Config, fold: int) -> str:
        models = ("ranking", "neighbourhood" if self.model == "ranking" else "rating")
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
    """Split so that each rating, or for the ranking model each user, is held out once.

    Raises DataError if a fold has nothing to measure on.
    """
    stars, splits = training.stars, []
    for fold in range(folds):
        if model == "ranking":
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


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
