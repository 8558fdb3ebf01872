"""Protocol N: where titles that were never fitted stand among each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommender.arrays import Float64Array, Int64Array
from recommender.errors import DataError
from recommender.model import Model
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.baselines import Known, Popularity, Ranker
from spark_jobs.evaluation.case_metrics import means, new_title_auc
from spark_jobs.evaluation.fit_rankers import POPULARITY, fit_rankers
from spark_jobs.evaluation.splits import (
    TEST_SEEDS,
    VALIDATION_SEEDS,
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
# In ratings: how far the factors that genres and decade predict are shrunken towards the mean.
SHRINKAGE = 100.0


@dataclass(frozen=True)
class PredictedFactors(Ranker):
    """Ranks new titles by the factors that their genres and decade predict, ``x·ŷ``.

        ŷ = mean + W·(f − mean f)      W by ridge regression over the fitted titles

    Each fitted title counts as often as it was rated.
    """

    model: Model
    item_ids: Int64Array
    factors: Float64Array

    @classmethod
    def fit(
        cls, model: Model, features: Float64Array, item_ids: Int64Array, new_features: Float64Array
    ) -> PredictedFactors:
        """``features``: (fitted items, features) in the order of the model's items."""
        arrays = model.release.arrays
        counts = arrays.item_counts.astype(float)
        mean_features, mean_factors = (
            counts @ values / counts.sum() for values in (features, arrays.ranking_factors)
        )
        f, y = features - mean_features, arrays.ranking_factors - mean_factors
        left = f.T @ (f * counts[:, None]) + SHRINKAGE * np.eye(f.shape[1])
        weights = np.linalg.solve(left, f.T @ (y * counts[:, None]))
        return cls(model, item_ids, mean_factors + (new_features - mean_features) @ weights)

    def scores(self, known: Known) -> Float64Array:
        return np.asarray(self.factors @ self.model.fold_in(known).ranking_vector, float)


def by_title(new_ids: Int64Array) -> Divide:
    """Protocol N: all ratings of ``new_ids`` are held out, all others are fitted and folded in."""

    def divide(users: Int64Array, items: Int64Array, starts: Int64Array) -> Roles:
        held = np.isin(items, new_ids)
        return Roles(~held, ~held, held)

    return divide


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
    fitted = fit_rankers(
        made.fitted(),
        training,
        settings,
        protocol="N",
        seed=seed,
        solver=solver,
        baselines=False,
    )
    known_ids = fitted.served.item_index.item_ids
    # Without their number of ratings, which a new title does not have.
    every = np.concatenate([known_ids, new_ids])
    features = item_features(training.items, every, np.ones(len(every), np.int64))[:, 1:]
    split_at = len(known_ids)
    # Counts of the ratings that a new title has yet to find, each person's own among them.
    rankers: dict[str, Ranker] = {
        POPULARITY: Popularity(new_ids, stars.items.counts[np.isin(stars.items.ids, new_ids)]),
        CONTENT: PredictedFactors.fit(
            fitted.served, features[:split_at], new_ids, features[split_at:]
        ),
    }
    scores = {
        name: means(new_title_auc(made.cases, ranker, least)) for name, ranker in rankers.items()
    }
    people = made.cases.count()
    made.cases.unpersist()
    return scores, people
