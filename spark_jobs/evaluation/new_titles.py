"""Protocol N: where titles that were never fitted stand among each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from pyspark import RDD

from recommender.arrays import Float64Array, FloatArray, Int64Array
from recommender.errors import DataError
from recommender.item_fold_in import fold_in_item
from recommender.model import Model
from recommender.storage.release import ItemArrays
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.baselines import Known, Popularity, Ranker
from spark_jobs.evaluation.case_metrics import map_cases, means, new_title_auc
from spark_jobs.evaluation.fit_rankers import POPULARITY, fit_rankers
from spark_jobs.evaluation.splits import (
    TEST_SEEDS,
    VALIDATION_SEEDS,
    Case,
    Divide,
    Roles,
    split,
    uniform,
)
from spark_jobs.evaluation.tables import Scores
from spark_jobs.item_features import item_features
from spark_jobs.training_set import TrainingSet

LEAST_RATINGS = 40
SHARE = 0.1
CONTENT = "genres and decade"
# A new title is folded in after so many ratings; a whole model is fitted with some of them.
RATERS, FITTED_AGAIN = (1, 2, 5, 10, 20), (10, 20)
MOST_RATERS = max(RATERS)
# A rating that makes no title relevant, of what is not to be recommended either.
SEEN = float("nan")
# In ratings: how far the factors that genres and decade predict are shrunken towards the mean.
SHRINKAGE = 100.0


@dataclass(frozen=True)
class FactorsOfTitles(Ranker):
    """Ranks titles that ``model`` does not know by their ``factors``, (titles, rank): ``x·y``."""

    model: Model
    item_ids: Int64Array
    factors: Float64Array

    def scores(self, known: Known) -> Float64Array:
        return np.asarray(self.factors @ self.model.fold_in(known).ranking_vector, float)


@dataclass(frozen=True)
class FittedAgain(Ranker):
    """Ranks the titles ``item_ids`` by a model that was fitted with some of their ratings."""

    model: Model
    item_ids: Int64Array

    def scores(self, known: Known) -> Float64Array:
        rows = self.model.item_index.rows(self.item_ids)
        scores = np.full(len(rows), -np.inf)
        every = self.model.scores(self.model.fold_in(known))
        scores[rows >= 0] = every[rows[rows >= 0]]
        return scores


def predicted_factors(
    arrays: ItemArrays, features: Float64Array, new_features: Float64Array
) -> Float64Array:
    """Return the factors that genres and decade predict for new titles, (titles, rank).

        ŷ = mean + W·(f − mean f)      W by ridge regression over the fitted titles

    Each fitted title counts as often as it was rated. ``features``: (fitted items, features).
    """
    counts = arrays.item_counts.astype(float)
    mean_features, mean_factors = (
        counts @ values / counts.sum() for values in (features, arrays.ranking_factors)
    )
    f, y = features - mean_features, arrays.ranking_factors - mean_factors
    left = f.T @ (f * counts[:, None]) + SHRINKAGE * np.eye(f.shape[1])
    weights = np.linalg.solve(left, f.T @ (y * counts[:, None]))
    return np.asarray(mean_factors + (new_features - mean_features) @ weights)


class Raters(NamedTuple):
    """Who rated new titles first, title by title in the order of ``new_ids``: at most MOST_RATERS
    each, drawn by hashing. ``vectors``: their ranking vectors, by user id."""

    users: list[Int64Array]
    preferences: list[Float64Array]
    vectors: dict[int, FloatArray]

    def folded_in(self, model: Model, most: int, prior: Float64Array) -> Float64Array:
        """Return the factors of each title after its first ``most`` raters."""
        alpha, ridge = model.release.ranking.alpha, model.ranking_ridge
        none = np.empty((0, prior.shape[1]))
        factors = []
        for users, preferences, expected in zip(self.users, self.preferences, prior, strict=True):
            first = [self.vectors[user] for user in users[:most].tolist()]
            vectors = np.array(first) if first else none
            factors.append(fold_in_item(vectors, preferences[:most], alpha, ridge, expected))
        return np.array(factors)


def first_raters(cases: RDD[Case], model: Model, new_ids: Int64Array, seed: int) -> Raters:
    def given(case: Case) -> tuple[Int64Array, Int64Array, Float64Array]:
        items = np.fromiter(case.held, np.int64, len(case.held))
        values = np.fromiter(case.held.values(), float, len(case.held))
        return np.full(len(items), case.user_id), items, values

    columns = zip(*cases.map(given).collect(), strict=True)
    users, items, values = (np.concatenate(column) for column in columns)
    order = np.lexsort((uniform(seed, users, items), items))
    users, items, values = users[order], items[order], values[order]
    starts = np.searchsorted(items, new_ids)
    ends = np.minimum(np.searchsorted(items, new_ids, side="right"), starts + MOST_RATERS)
    pieces = [slice(*bounds) for bounds in zip(starts, ends, strict=True)]
    chosen = np.unique(np.concatenate([users[piece] for piece in pieces]))
    theirs = cases.filter(lambda case: bool(np.isin(case.user_id, chosen)))
    vectors = map_cases(theirs, model, lambda m, case: m.fold_in(case.known).ranking_vector)
    preferences = model.feedback.preference(values)
    return Raters(
        [users[piece] for piece in pieces],
        [preferences[piece] for piece in pieces],
        dict(zip(theirs.map(lambda case: case.user_id).collect(), vectors, strict=True)),
    )


def without_first(cases: RDD[Case], raters: Raters, new_ids: Int64Array) -> RDD[Case]:
    """Leave out of the held ratings those that are folded in, so that every number of raters is
    tested on the same people and titles."""
    known: dict[int, list[int]] = {}
    for item, users in zip(new_ids.tolist(), raters.users, strict=True):
        for user in users.tolist():
            known.setdefault(user, []).append(item)
    shared = cases.context.broadcast(known)

    def later(case: Case) -> Case:
        folded = shared.value.get(case.user_id, ())
        # Not among what the person may be asked about either.
        seen = {item: SEEN if item in folded else value for item, value in case.held.items()}
        return Case(case.user_id, case.known, seen)

    return cases.map(later).cache()


def by_title(new_ids: Int64Array, raters: Raters | None = None, most: int = 0) -> Divide:
    """Protocol N: all ratings of ``new_ids`` are held out, all others are fitted and folded in.
    Those of the first ``most`` raters are fitted too."""
    first = [users[:most] for users in raters.users] if raters else [new_ids[:0]] * len(new_ids)
    titles = np.repeat(new_ids, [len(users) for users in first])
    fitted = _as_number(np.concatenate(first), titles)

    def divide(users: Int64Array, items: Int64Array, starts: Int64Array) -> Roles:
        held = np.isin(items, new_ids)
        return Roles(~held | np.isin(_as_number(users, items), fitted), ~held, held)

    return divide


def _as_number(users: Int64Array, items: Int64Array) -> Int64Array:
    return np.asarray(users, np.int64) << 32 | items


def draw_new_titles(
    item_ids: Int64Array, counts: Int64Array, seed: int, validation: bool = False
) -> Int64Array:
    """Draw a tenth of the items with LEAST_RATINGS or more by hashing their ids, ascending.

    ``validation``: of those that no test split draws.
    """
    enough = item_ids[counts >= LEAST_RATINGS]
    number = round(SHARE * len(enough))
    if validation:
        tested = [draw_new_titles(item_ids, counts, test) for test in TEST_SEEDS]
        enough, seed = np.setdiff1d(enough, np.concatenate(tested)), VALIDATION_SEEDS + seed
    drawn = np.argsort(uniform(seed, enough), kind="stable")
    return np.sort(enough[drawn[:number]])


def measure_new_titles(
    training: TrainingSet,
    settings: Config,
    solver: str,
    seed: int,
    least: float,
    validation: bool = False,
) -> tuple[Scores, int]:
    """Return the scores by ranker, and how many people they are of. Raises DataError where fewer
    than two titles can be left out."""
    stars = training.stars
    new_ids = draw_new_titles(stars.items.ids, stars.items.counts, seed, validation)
    if len(new_ids) < 2:
        raise DataError(
            f"{training.catalogue.name}: protocol N: a tenth of the titles with {LEAST_RATINGS}"
            f" ratings or more are {len(new_ids)}; give more ratings, or leave the protocol out"
        )
    made = split(stars, by_title(new_ids), seed)

    def fit(divide: Divide) -> Model:
        ratings = replace(made, divide=divide).fitted()
        fitted = fit_rankers(
            ratings, training, settings, protocol="N", seed=seed, solver=solver, baselines=False
        )
        return fitted.served

    model = fit(made.divide)
    known_ids = model.item_index.item_ids
    # Without their number of ratings, which a new title does not have.
    every = np.concatenate([known_ids, new_ids])
    features = item_features(training.items, every, np.ones(len(every), np.int64))[:, 1:]
    expected = predicted_factors(
        model.release.arrays, features[: len(known_ids)], features[len(known_ids) :]
    )
    raters = first_raters(made.cases, model, new_ids, seed)
    # Counts of the ratings that a new title has yet to find, each person's own among them.
    counts = stars.items.counts[np.isin(stars.items.ids, new_ids)]
    rankers: dict[str, Ranker] = {
        POPULARITY: Popularity(new_ids, counts),
        CONTENT: FactorsOfTitles(model, new_ids, expected),
    }
    for most in RATERS:
        factors = raters.folded_in(model, most, expected)
        rankers[_after("folded in", most)] = FactorsOfTitles(model, new_ids, factors)
    for most in FITTED_AGAIN:
        again = fit(by_title(new_ids, raters, most))
        rankers[_after("fitted again", most)] = FittedAgain(again, new_ids)
    cases = without_first(made.cases, raters, new_ids)
    scores = {name: means(new_title_auc(cases, ranker, least)) for name, ranker in rankers.items()}
    people = cases.count()
    cases.unpersist()
    made.cases.unpersist()
    return scores, people


def _after(what: str, raters: int) -> str:
    return f"{what}, {raters} rater{'' if raters == 1 else 's'}"
