"""Fits both models on blocked ratings: what training publishes and evaluation measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import DataError
from recommender.feedback import feedback_of
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import ItemArrays
from spark_jobs.als import mllib, solver
from spark_jobs.als.biases import Biases, fit_biases, residuals, row_sums
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.als.solver import Factors, FittedFactors, Params, Vectors
from spark_jobs.config.configuration import Config
from spark_jobs.item_features import centred, item_features
from spark_jobs.neighbourhood import fit as neighbourhood
from spark_jobs.neighbourhood.fit import FittedNeighbourhood
from spark_jobs.progress import ProgressBar


@dataclass(frozen=True)
class FittedModels:
    """``arrays``: what serving needs, and ``neighbourhood``, None where none is wanted.
    ``ranking_params``: as fitted, with what was measured of the ratings. ``ranking``: the people's
    vectors. ``user_bias``: theirs, one for each of the people that were fitted."""

    arrays: ItemArrays
    neighbourhood: FittedNeighbourhood | None
    ranking_params: RankingParams
    mean_rating: float
    ranking: Factors
    user_bias: Biases


@dataclass(frozen=True)
class Fitter:
    """Fits a model with the chosen solver, as one stage."""

    progress: ProgressBar
    solver: str
    seed: int
    starts: Mapping[str, Factors]

    def fit(self, model: str, blocks: BlockedRatings, params: Params) -> FittedFactors:
        name, context = f"fitting the {model} model", blocks.users.blocks.context
        if self.solver == "mllib":
            with self.progress.stage(name, context, mllib.expected_stages(params)):
                return mllib.fit(mllib.frame(blocks), params, self.seed)
        with self.progress.stage(name, context, ticks=2 * params.iterations) as tick:
            return solver.fit(blocks, params, self.seed, self.starts.get(model), tick)

    def fit_neighbourhood(
        self, blocks: BlockedRatings, settings: Config
    ) -> FittedNeighbourhood | None:
        """``blocks``: signed preferences."""
        if not settings.neighbourhood.neighbours:
            return None
        with self.progress.stage("fitting the neighbourhood", blocks.users.blocks.context):
            return neighbourhood.fit(blocks, settings.neighbourhood, self.seed)


def fit_models(
    stars: BlockedRatings,
    items: Sequence[CatalogueItem],
    catalogue: Catalogue,
    settings: Config,
    fitter: Fitter,
    with_rating: bool = True,
) -> FittedModels:
    """Fit both models, as four stages. ``items``: the catalogue's titles.

    Not ``with_rating``: the ranking model and its neighbourhood alone, as two stages; the other
    knows of no stars but the mean. Raises DataError where nothing is liked.
    """
    sums, counts = row_sums(stars.items), stars.items.counts
    mean = float(sums.sum() / stars.count)
    preferences = _preferences(stars, catalogue, settings.ranking)
    ranking_params = _measured(settings.ranking, preferences, fitter.solver)
    ranking = fitter.fit("ranking", preferences, ranking_params)
    neighbours = fitter.fit_neighbourhood(preferences, settings)
    preferences.unpersist()
    ranking_factors = ranking.items.vectors_of(stars.items.ids)
    if with_rating:
        features = item_features(items, stars.items.ids, counts)
        rating = _fit_rating(stars, mean, ranking_factors, features, settings.rating, fitter)
    else:
        rating = FittedRatingModel.none(stars)
    arrays = ItemArrays(
        item_ids=stars.items.ids,
        ranking_factors=ranking_factors,
        rating_factors=rating.factors,
        item_bias=rating.item_bias,
        item_counts=counts,
        item_means=np.asarray(sums / counts, np.float32),
    )
    return FittedModels(arrays, neighbours, ranking_params, mean, ranking.users, rating.user_bias)


@dataclass(frozen=True)
class FittedRatingModel:
    user_bias: Biases
    item_bias: Biases
    factors: Vectors

    @classmethod
    def none(cls, stars: BlockedRatings) -> FittedRatingModel:
        people, titles = len(stars.users.ids), len(stars.items.ids)
        nothing = np.zeros((titles, 0), np.float32)
        return cls(np.zeros(people, np.float32), np.zeros(titles, np.float32), nothing)


def _fit_rating(
    stars: BlockedRatings,
    mean: float,
    ranking_factors: Vectors,
    features: NDArray[np.float64],
    params: RatingParams,
    fitter: Fitter,
) -> FittedRatingModel:
    context, counts = stars.users.blocks.context, stars.items.counts
    popularity = features[:, :1]
    curved = np.hstack([np.ones_like(popularity), popularity**2, features])
    with fitter.progress.stage("fitting biases", context, 2 * params.bias_sweeps):
        user_bias, item_bias = fit_biases(stars, mean, params, curved)
    left_over = residuals(stars, user_bias, item_bias, mean)
    learned = fitter.fit("rating", left_over, params).items.vectors_of(stars.items.ids)
    left_over.unpersist()
    beside = [
        weight * centred(columns, counts)
        for weight, columns in (
            (params.taste_weight, ranking_factors),
            (params.description_weight, features),
        )
        if weight
    ]
    return FittedRatingModel(user_bias, item_bias, np.hstack([learned, *beside]).astype(np.float32))


def _preferences(
    stars: BlockedRatings, catalogue: Catalogue, params: RankingParams
) -> BlockedRatings:
    feedback = feedback_of(catalogue, params)
    if not any(stars.users.map(lambda block: (feedback.preference(block.wide_values) > 0).any())):
        raise DataError(
            f"{catalogue.name}: no rating is above the neutral {params.neutral:g};"
            " give a lower --ranking-neutral"
        )
    return stars.map_values(lambda _u, _i, values: feedback.preference(values))


def _measured(params: RankingParams, preferences: BlockedRatings, solver: str) -> RankingParams:
    """Measure the positive ratings of a typical row, where none are configured.

    The geometric mean of the users' and the items' mean count: only the product of both sides'
    ridges matters, because factors can be scaled by c on one side and by 1/c on the other. A
    typical row has the same ridge at any exponent, so MLlib's is used where MLlib solves.
    """
    if params.typical_count:
        return params
    positive = sum(preferences.users.map(lambda block: np.count_nonzero(block.values > 0)))
    rows = len(preferences.users.ids), len(preferences.items.ids)
    typical = float(positive / np.sqrt(np.prod(rows, dtype=float)))
    exponent = 1.0 if solver == "mllib" else params.regularization_exponent
    return replace(params, typical_count=typical, regularization_exponent=exponent)
