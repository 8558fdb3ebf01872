"""Fits the model and its baselines on one split, ready to rank and to predict."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from recommender.arrays import Float32Array, Int64Array
from recommender.feedback import EXPLICIT
from recommender.fold_in import Ridge
from recommender.model import Model
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import Release
from spark_jobs.als import mllib
from spark_jobs.als.biases import fit_biases
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.config.configuration import Config
from spark_jobs.evaluation.baselines import (
    Biases,
    Ease,
    ItemEase,
    Popularity,
    Predictor,
    Ranker,
    RawAls,
    ServedModel,
    ease_fits_by_people,
    ease_fits_by_titles,
)
from spark_jobs.evaluation.serving_weights import ChosenWeights, choose_weights
from spark_jobs.evaluation.splits import by_person, split
from spark_jobs.fit_models import FittedModels, Fitter, fit_models
from spark_jobs.progress import ProgressBar
from spark_jobs.protocols import ANY_RATING, LIKED, PROTOCOLS, SERVED, STARS
from spark_jobs.training_set import TrainingSet

P = TypeVar("P", RankingParams, RatingParams)
# Chosen on validation splits of MovieLens latest-small; see docs/model.md.
EASE_REGULARIZATION = 100.0
RAW_ALS = RatingParams(rank=20, regularization=0.15, regularization_exponent=1.0)
# Likewise of the Steam sample.
PLAIN_ALS = RankingParams(rank=32, regularization=1.0, alpha=5.0, playtime_weight=0.0)

# How many people weights are chosen on at most.
CHOOSING_PEOPLE = 1000

POPULARITY, BIASES = "popularity", "biases alone"
RAW, EASE, EASE_LIKES = "MLlib ALS on raw stars", "EASE, all ratings", "EASE, 4 and up"
# Baselines where hours are the feedback, by the weight of log(1 + count) in their score.
PLAIN = {"MLlib implicit ALS": 1e-9, "the same + 0.02·log n": 0.02}


@dataclass(frozen=True)
class FittedRankers:
    """The model and its baselines by name, fitted on one split.

    ``counts``: of ratings by item id, in the part that was fitted on. ``seconds``: by stage.
    """

    rankers: dict[str, Ranker]
    predictors: dict[str, Predictor]
    counts: dict[int, int]
    people: int
    notes: list[str]
    seconds: dict[str, float]

    @property
    def served(self) -> Model:
        """The model as the site would serve it."""
        ranker = self.rankers[SERVED]
        assert isinstance(ranker, ServedModel)
        return ranker.model

    def reweighted(self, chosen: ChosenWeights) -> FittedRankers:
        """Serve the model with the weights chosen."""
        served = ServedModel(Model(chosen.in_release(self.served.release)))
        return replace_fields(
            self,
            rankers=self.rankers | {SERVED: served},
            predictors=self.predictors | {SERVED: served},
        )


def fit_rankers(
    ratings: BlockedRatings,
    training: TrainingSet,
    settings: Config,
    *,
    protocol: str,
    seed: int,
    solver: str,
    baselines: bool,
) -> FittedRankers:
    """Fit everything that ``protocol`` compares, without ``baselines`` no costly ones.

    ``ratings``: those to fit on; they are unpersisted afterwards.
    """
    explicit = training.catalogue.feedback == EXPLICIT
    with_rating = explicit and STARS in PROTOCOLS[protocol].metrics
    neighbourhood = int(settings.neighbourhood.neighbours > 0)
    progress = ProgressBar((3 if with_rating else 1) + neighbourhood)
    fitter = Fitter(progress, solver, settings.seed, {})
    models = fit_models(ratings, training.items, training.catalogue, settings, fitter, with_rating)
    served = ServedModel(Model(as_release(models, training, settings)))
    popularity = Popularity(ratings.items.ids, ratings.items.counts)
    rankers: dict[str, Ranker] = {SERVED: served, POPULARITY: popularity}
    predictors: dict[str, Predictor] = {SERVED: served}
    notes: list[str] = []
    if models.neighbourhood and models.neighbourhood.sampled_users:
        most = settings.neighbourhood.most_ratings
        notes.append(
            f"{models.neighbourhood.sampled_users:,} people rated more than {most:,} titles: in the"
            f" neighbourhood {most:,} of each one's ratings count, drawn at random"
        )
    if baselines and not explicit:
        rankers |= _plain_als(ratings, training, settings)
    elif baselines:
        raw = _raw_als(ratings, models, seed)
        rankers[RAW] = raw
        if protocol == "A":
            predictors |= {BIASES: _biases_alone(ratings, models.mean_rating, settings), RAW: raw}
    if baselines and protocol != "A":
        likes = explicit and PROTOCOLS[protocol].relevant == LIKED
        for name, liked in (((EASE_LIKES, LIKED),) if likes else ()) + ((EASE, ANY_RATING),):
            if (ease := _ease(ratings, liked)) is not None:
                rankers[name] = ease
            else:
                notes.append(
                    f"{name}, was left out: {len(ratings.users.ids):,} people and"
                    f" {len(ratings.items.ids):,} titles are too many for its closed form"
                )
    counts = dict(zip(ratings.items.ids.tolist(), ratings.items.counts.tolist(), strict=True))
    people = len(ratings.users.ids)
    ratings.unpersist()
    return FittedRankers(rankers, predictors, counts, people, notes, progress.seconds)


def as_release(models: FittedModels, training: TrainingSet, settings: Config) -> Release:
    """Make a release in memory of the fitted models, as the site would serve them."""
    explicit = training.catalogue.feedback == EXPLICIT
    return Release(
        version="evaluation",
        created_at="",
        catalogue=training.catalogue,
        ranking=models.ranking_params,
        rating=settings.rating if explicit else None,
        mean_rating=models.mean_rating,
        arrays=models.arrays,
        neighbourhood=settings.neighbourhood if models.neighbourhood else None,
        neighbours=models.neighbourhood.arrays if models.neighbourhood else None,
    )


def _plain_als(
    ratings: BlockedRatings, training: TrainingSet, settings: Config
) -> dict[str, Ranker]:
    """Fit Spark's implicit ALS as it is mostly used, and with popularity added."""
    plain = replace(
        settings,
        ranking=_at_most_full_rank(PLAIN_ALS, ratings),
        neighbourhood=replace(settings.neighbourhood, neighbours=0),
    )
    fitter = Fitter(ProgressBar(1), "mllib", settings.seed, {})
    models = fit_models(
        ratings, training.items, training.catalogue, plain, fitter, with_rating=False
    )
    weighted = {
        name: replace(plain, ranking=replace(plain.ranking, popularity_weight=weight))
        for name, weight in PLAIN.items()
    }
    return {
        name: ServedModel(Model(as_release(models, training, s))) for name, s in weighted.items()
    }


def _at_most_full_rank(params: P, ratings: BlockedRatings) -> P:
    sides = len(ratings.users.ids), len(ratings.items.ids)
    return replace(params, rank=min(params.rank, *sides))


def _raw_als(ratings: BlockedRatings, models: FittedModels, seed: int) -> RawAls:
    params = _at_most_full_rank(RAW_ALS, ratings)
    factors = mllib.fit(mllib.frame(ratings), params, seed).items.vectors_of(ratings.items.ids)
    ridge = Ridge.from_params(params, len(ratings.items.ids))
    return RawAls(ratings.items.ids, factors, models.mean_rating, ridge)


def _biases_alone(ratings: BlockedRatings, mean: float, settings: Config) -> Biases:
    _, item_bias = fit_biases(ratings, mean, settings.rating)
    return Biases(ratings.items.ids, mean, item_bias, settings.rating.bias_regularization)


def _ease(ratings: BlockedRatings, liked: float) -> Ranker | None:
    """Fit EASE over the smaller side, None where neither is small enough."""
    people, items = len(ratings.users.ids), len(ratings.items.ids)
    if ease_fits_by_people(people, items):

        def dense(block: Block) -> Float32Array:
            x = np.zeros((len(block.counts), items), np.float32)
            x[block.rows - block.first_row, block.columns] = block.values >= liked
            return x

        x = ratings.users.rows(dense)
        return Ease.fit(ratings.items.ids, x, EASE_REGULARIZATION, liked)
    if not ease_fits_by_titles(items):
        return None

    def liked_rows(block: Block) -> list[Int64Array]:
        """Rows of the liked titles of each of the block's people."""
        kept = block.values >= liked
        ends = np.cumsum(np.add.reduceat(kept, block.starts[:-1], dtype=np.int64))
        return np.split(block.columns[kept].astype(np.int64), ends[:-1])

    gram = np.zeros((items, items))
    for people_rows in ratings.users.map(liked_rows):
        for rows in people_rows:
            gram[np.ix_(rows, rows)] += 1
    return ItemEase.fit(ratings.items.ids, gram, EASE_REGULARIZATION, liked)


def choose_within(
    ratings: BlockedRatings,
    training: TrainingSet,
    settings: Config,
    seed: int,
    solver: str,
    least: float,
) -> ChosenWeights | None:
    """Choose weights on people of ``ratings``, from a fit without them. ``ratings`` stay cached."""
    made = split(ratings, by_person(seed, ratings.users.ids, CHOOSING_PEOPLE), seed)
    fitted = fit_rankers(
        made.fitted(),
        training,
        settings,
        protocol="B",
        seed=seed,
        solver=solver,
        baselines=False,
    )
    chosen = choose_weights(made.cases, fitted.served.release, settings, least)
    made.cases.unpersist()
    return chosen
