"""Protocol N: where titles that were never fitted stand among each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from pyspark import RDD

from recommender.arrays import Float64Array, FloatArray, Int64Array, IntArray
from recommender.errors import DataError
from recommender.model import NO_ROWS, Model, Person
from recommender.new_items import NewItem, Raters, as_known, fold_in_from
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
from spark_jobs.item_prior import fit_item_prior
from spark_jobs.training_set import TrainingSet

LEAST_RATINGS = 40
SHARE = 0.1
CONTENT = "genres, decade and creators"
# A new title is folded in after so many ratings; a whole model is fitted with some of them.
RATERS, FITTED_AGAIN = (1, 2, 5, 10, 20), (10, 20)
MOST_RATERS = max(RATERS)
# A rating that makes no title relevant, of what is not to be recommended either.
SEEN = float("nan")


@dataclass(frozen=True)
class FoldedIn(Ranker):
    """Ranks titles that were not fitted by how well they fit, ``model`` having them beside those
    that were."""

    model: Model
    item_ids: Int64Array

    def scores(self, known: Known) -> Float64Array:
        rows = self.model.items.index.known_rows(self.item_ids)
        return np.asarray(self.model.fits(self.model.fold_in(known), rows), float)


@dataclass(frozen=True)
class FittedAgain(Ranker):
    """Ranks the titles ``item_ids`` by a model that was fitted with some of their ratings."""

    model: Model
    item_ids: Int64Array

    def scores(self, known: Known) -> Float64Array:
        rows = self.model.items.index.rows(self.item_ids)
        scores = np.full(len(rows), -np.inf)
        every = self.model.scores(self.model.fold_in(known))
        scores[rows >= 0] = every[rows[rows >= 0]]
        return scores


class FirstRaters(NamedTuple):
    """Who rated new titles first, title by title in the order of ``new_ids``: at most MOST_RATERS
    each, drawn by hashing. ``people``: them folded in, and the rows and preferences of what else
    they rated, by user id."""

    users: list[Int64Array]
    values: list[Float64Array]
    people: dict[int, tuple[Person, tuple[IntArray, FloatArray]]]

    def folded_in(self, model: Model, titles: Sequence[NewItem], most: int) -> Model:
        """Return the model with each title after its first ``most`` raters."""
        chosen = [users[:most] for users in self.users]
        row_of = {user: row for row, user in enumerate(self.people)}
        raters = Raters(
            starts=np.cumsum([0, *map(len, chosen)]),
            rows=np.array([row_of[user] for users in chosen for user in users.tolist()], np.int64),
            values=np.concatenate([values[:most] for values in self.values]),
            ranking_vectors=np.array([p.ranking_vector for p, _ in self.people.values()]),
            rating_vectors=np.array([p.rating_vector for p, _ in self.people.values()]),
            biases=np.array([p.bias for p, _ in self.people.values()]),
            known=[known for _, known in self.people.values()],
        )
        return model.with_added(fold_in_from(model, titles, raters))


def first_raters(cases: RDD[Case], model: Model, new_ids: Int64Array, seed: int) -> FirstRaters:
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
    people = map_cases(theirs, model, _folded_in)
    return FirstRaters(
        [users[piece] for piece in pieces],
        [values[piece] for piece in pieces],
        dict(zip(theirs.map(lambda case: case.user_id).collect(), people, strict=True)),
    )


def _folded_in(model: Model, case: Case) -> tuple[Person, tuple[IntArray, FloatArray]]:
    person = replace(model.fold_in(case.known), rated_rows=NO_ROWS, neighbour_scores=None)
    return person, as_known(model, *model.known_ratings(case.known))


def without_first(cases: RDD[Case], raters: FirstRaters, new_ids: Int64Array) -> RDD[Case]:
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


def by_title(new_ids: Int64Array, raters: FirstRaters | None = None, most: int = 0) -> Divide:
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
    prior = fit_item_prior(training.items, model.release.arrays)
    model = Model(replace(model.release, item_prior=prior))
    by_id = {item.item_id: item for item in training.items}
    titles = [
        NewItem(item.item_id, item.year, item.genres, item.creators)
        for item in map(by_id.__getitem__, new_ids.tolist())
    ]
    raters = first_raters(made.cases, model, new_ids, seed)
    # Counts of the ratings that a new title has yet to find, each person's own among them.
    counts = stars.items.counts[np.isin(stars.items.ids, new_ids)]
    rankers: dict[str, Ranker] = {
        POPULARITY: Popularity(new_ids, counts),
        CONTENT: FoldedIn(raters.folded_in(model, titles, 0), new_ids),
    }
    for most in RATERS:
        folded = raters.folded_in(model, titles, most)
        rankers[_after("folded in", most)] = FoldedIn(folded, new_ids)
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
