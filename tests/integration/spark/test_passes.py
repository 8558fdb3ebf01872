"""Passes over blocks: threads on one machine and Spark tasks on a cluster find the same."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from benchmarks import data
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams
from recommender.storage.release import array_fields
from spark_jobs import array_cache
from spark_jobs.als import solver
from spark_jobs.als.biases import fit_biases, residuals
from spark_jobs.als.packing import build_blocks
from spark_jobs.array_cache import MappedArrays, SparkArrays, cache, joined
from spark_jobs.neighbourhood import fit as neighbourhood
from spark_jobs.ratings import Ratings

PARTS = 3
RANKING = RankingParams(rank=4, iterations=2, regularization=0.3, alpha=5.0)
RATING = RatingParams(rank=4, iterations=2, regularization=0.1)


def pieces() -> list[Ratings]:
    """Generated ratings of which some pairs are given again, in three pieces."""
    train = data.split("tiny").train
    again = np.r_[np.arange(len(train.stars)), np.arange(0, len(train.stars), 7)]
    stars = np.where(np.arange(len(again)) < len(train.stars), train.stars[again], 1.0)
    columns = (
        train.users[again],
        train.items[again],
        stars.astype(np.float32),
        np.arange(len(again)),
    )
    return [
        Ratings(*piece) for piece in zip(*(np.array_split(c, PARTS) for c in columns), strict=True)
    ]


def fitted(spark: SparkSession, kind: type) -> list[np.ndarray]:
    ratings = cache(spark.sparkContext.parallelize(pieces(), PARTS), Ratings)
    stars = build_blocks(joined([ratings, ratings]), np.arange(100), parts=PARTS)
    assert {type(ratings), type(stars.users.blocks), type(stars.items.blocks)} == {kind}
    mean = 3.0
    biases = fit_biases(stars, mean, RATING)
    rating = solver.fit(residuals(stars, *biases, mean), RATING, seed=1)
    preferences = stars.map_values(lambda _u, _i, values: (values - 2) / 3)
    ranking = solver.fit(preferences, RANKING, seed=1)
    neighbours = neighbourhood.fit(preferences, NeighbourhoodParams(most_ratings=20), seed=1)
    weights = array_fields(neighbours.arrays).values()
    counts = [stars.users.counts, stars.items.counts, np.array([stars.repeated])]
    vectors = [side.vectors for fit in (ranking, rating) for side in (fit.users, fit.items)]
    stars.unpersist()
    ratings.unpersist()
    return [*counts, *biases, *vectors, *weights]


def test_threads_and_spark_tasks_fit_the_same_factors(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_threads = fitted(spark, MappedArrays)
    monkeypatch.setattr(array_cache, "on_one_machine", lambda _: False)
    in_tasks = fitted(spark, SparkArrays)
    for one, other in zip(in_threads, in_tasks, strict=True):
        assert one.tolist() == other.tolist()
