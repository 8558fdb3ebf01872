"""Fitting both heads on packed stars: what training publishes and evaluation measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Item
from recommender.errors import DataError
from recommender.fold_in import strength
from recommender.release import ItemArrays
from spark_jobs import als, mllib
from spark_jobs.als import Factors, FittedFactors, Params
from spark_jobs.biases import fit_biases, residuals, row_sums
from spark_jobs.blocks import Packed
from spark_jobs.config import Config
from spark_jobs.datasets.movielens import SCALE_MAX
from spark_jobs.features import item_features
from spark_jobs.progress import Progress


@dataclass(frozen=True)
class Heads:
    """``arrays``: what serving needs. ``ranking`` and ``rating``: the people's vectors."""

    arrays: ItemArrays
    mean_rating: float
    ranking: Factors
    rating: Factors


@dataclass(frozen=True)
class Fitter:
    """Fits a head with the chosen solver, as one stage."""

    progress: Progress
    solver: str
    seed: int
    starts: Mapping[str, Factors]

    def fit(self, head: str, packed: Packed, params: Params) -> FittedFactors:
        name, context = f"fitting the {head} head", packed.users.blocks.context
        if self.solver == "mllib":
            with self.progress.stage(name, context, mllib.expected_stages(params)):
                return mllib.fit(mllib.frame(packed), params, self.seed)
        with self.progress.stage(name, context, ticks=2 * params.iterations) as tick:
            return als.fit(packed, params, self.seed, self.starts.get(head), tick)


def fit_heads(
    stars: Packed, items: Sequence[Item], name: str, settings: Config, fitter: Fitter
) -> Heads:
    """Fit both heads, as three stages. ``items``: the catalogue. ``name``: of the data, for errors.

    Raises DataError where nothing is liked.
    """
    sums = row_sums(stars.items)
    mean = float(sums.sum() / stars.count)
    ranking = fitter.fit("ranking", _strengths(stars, name, settings), settings.ranking)
    context = stars.users.blocks.context
    features = item_features(items, stars.items.ids, stars.items.counts)
    with fitter.progress.stage("fitting biases", context, 2 * settings.rating.bias_sweeps):
        user_bias, item_bias = fit_biases(stars, mean, settings.rating, features)
    left_over = residuals(stars, user_bias, item_bias, mean)
    rating = fitter.fit("rating", left_over, settings.rating)
    arrays = ItemArrays(
        item_ids=stars.items.ids,
        ranking_factors=ranking.items.of(stars.items.ids),
        rating_factors=rating.items.of(stars.items.ids),
        item_bias=item_bias,
        item_counts=stars.items.counts,
        item_means=_means(sums, stars.items.counts),
    )
    return Heads(arrays, mean, ranking.users, rating.users)


def _means(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.asarray(sums / counts, np.float32)


def _strengths(stars: Packed, name: str, settings: Config) -> Packed:
    neutral = settings.ranking.neutral
    if not stars.users.map(lambda block: [(block.values > neutral).any()]).any():
        raise DataError(
            f"{name}: no rating is above the neutral {neutral:g}; give a lower --ranking-neutral"
        )
    return stars.map_values(lambda _u, _i, values: strength(values, neutral, SCALE_MAX))
