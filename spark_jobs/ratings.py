"""Steps on ratings, each from frame to frame: one rating a pair, statistics, strengths, biases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from recommender.fold_in import strength
from recommender.params import RankingParams, RatingParams


def newest(inputs: Sequence[DataFrame]) -> DataFrame:
    """One rating for each (user, item): the newest, and of two as new that of the later input."""
    numbered = [frame.withColumn("input", F.lit(n)) for n, frame in enumerate(inputs)]
    every = reduce(DataFrame.unionByName, numbered)
    latest_first = Window.partitionBy("user_id", "item_id").orderBy(
        F.desc("rated_at"), F.desc("input"), F.desc("rating")
    )
    return (
        every.withColumn("place", F.row_number().over(latest_first))
        .where("place = 1")
        .drop("place", "input")
    )


def item_statistics(ratings: DataFrame) -> DataFrame:
    """item_id, count, mean (stars)."""
    return ratings.groupBy("item_id").agg(
        F.count("*").alias("count"), F.avg("rating").alias("mean")
    )


def with_strengths(ratings: DataFrame, params: RankingParams, best: float) -> DataFrame:
    """user_id, item_id, strength; ratings that say neither yes nor no are left out."""
    return ratings.select(
        "user_id", "item_id", strength(F.col("rating"), params.neutral, best).alias("strength")
    ).where("strength != 0")


def item_biases(ratings: DataFrame, mean: float, params: RatingParams) -> DataFrame:
    """item_id, item_bias: shrunken biases of items and users, fitted in turn (Koren 2008, 2.1).

    The users' biases are those of ``user_biases`` given these.
    """
    biases = _shrunken(ratings, "item", F.col("rating") - mean, params)
    for _ in range(params.bias_sweeps - 1):
        users = user_biases(ratings, biases, mean, params)
        deviation = F.col("rating") - mean - F.col("user_bias")
        biases = _shrunken(ratings.join(users, "user_id"), "item", deviation, params)
        biases = biases.localCheckpoint()
    return biases


def user_biases(
    ratings: DataFrame, biases: DataFrame, mean: float, params: RatingParams
) -> DataFrame:
    """user_id, user_bias: what folding each user in would find (``recommender.fold_in``)."""
    deviation = F.col("rating") - mean - F.col("item_bias")
    return _shrunken(ratings.join(biases, "item_id"), "user", deviation, params)


def residuals(
    ratings: DataFrame, item_bias: DataFrame, user_bias: DataFrame, mean: float
) -> DataFrame:
    """user_id, item_id, residual: ``r − μ − b_u − b_i``."""
    left_over = F.col("rating") - mean - F.col("user_bias") - F.col("item_bias")
    return (
        ratings.join(item_bias, "item_id")
        .join(user_bias, "user_id")
        .select("user_id", "item_id", left_over.alias("residual"))
    )


def _shrunken(frame: DataFrame, side: str, deviation: object, params: RatingParams) -> DataFrame:
    """``Σ deviation / (n + λ_b)`` for each id of one side."""
    total = F.sum(deviation) / (F.count("*") + params.bias_regularization)  # type: ignore[arg-type]
    return frame.groupBy(f"{side}_id").agg(total.alias(f"{side}_bias"))
