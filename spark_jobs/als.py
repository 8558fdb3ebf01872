"""Fitting factors with Spark MLlib's ALS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame

from recommender.params import RankingParams, RatingParams


@dataclass(frozen=True)
class Factors:
    """Ids, int64 ascending, and the float32 factors of each, shape (ids, rank)."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows for ``ids``, zeros for one that was not fitted."""
        found = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where((self.ids[found] == ids)[:, None], self.vectors[found], np.float32(0))


@dataclass(frozen=True)
class FittedFactors:
    users: Factors
    items: Factors


def fit_ranking(strengths: DataFrame, params: RankingParams, seed: int) -> FittedFactors:
    """Implicit ALS on user_id, item_id, strength (signed)."""
    als = ALS(implicitPrefs=True, alpha=params.alpha)
    return _fit(_with_something_liked(strengths), "strength", params, seed, als)


def fit_rating(residuals: DataFrame, params: RatingParams, seed: int) -> FittedFactors:
    """Explicit ALS on user_id, item_id, residual."""
    return _fit(residuals, "residual", params, seed, ALS())


def expected_stages(params: RankingParams | RatingParams) -> int:
    """About how many Spark stages a fit takes, for a progress bar."""
    return 2 * params.iterations + 6


def _with_something_liked(strengths: DataFrame) -> DataFrame:
    """Without people and titles that have no positive strength.

    Their vectors are zeros whatever else there is, but MLlib would stop at their singular systems.
    """
    liked = strengths.where("strength > 0")
    people, titles = liked.select("user_id").distinct(), liked.select("item_id").distinct()
    return strengths.join(people, "user_id", "left_semi").join(titles, "item_id", "left_semi")


def _fit(
    frame: DataFrame, column: str, params: RankingParams | RatingParams, seed: int, als: ALS
) -> FittedFactors:
    blocks = max(2, frame.sparkSession.sparkContext.defaultParallelism)
    als = als.setUserCol("user_id").setItemCol("item_id").setRatingCol(column)
    als = als.setRank(params.rank).setMaxIter(params.iterations).setSeed(seed)
    als = als.setRegParam(params.regularization).setNumBlocks(blocks)
    model = als.fit(frame)
    return FittedFactors(_collect(model.userFactors), _collect(model.itemFactors))


def _collect(factors: DataFrame) -> Factors:
    table = factors.toArrow()
    ids = table["id"].to_numpy().astype(np.int64)
    flat = table["features"].combine_chunks().flatten().to_numpy()
    order = np.argsort(ids)
    return Factors(ids[order], flat.reshape(len(ids), -1)[order].astype(np.float32, copy=False))
