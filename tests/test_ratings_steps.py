"""Steps on ratings, each on frames small enough to work out by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from recommender.params import RankingParams, RatingParams
from spark_jobs import ratings as steps

Row = tuple[int, int, float]


def dated(spark: SparkSession, rows: list[tuple[int, int, float, int]]) -> DataFrame:
    """Ratings with the second since 1970 in which each was given."""
    frame = spark.createDataFrame(rows, "user_id int, item_id int, rating double, at long")
    return frame.selectExpr("user_id", "item_id", "rating", "timestamp_seconds(at) as rated_at")


def ratings(spark: SparkSession, rows: list[Row]) -> DataFrame:
    return spark.createDataFrame(rows, "user_id int, item_id int, rating double")


def by_id(frame: DataFrame) -> dict[int, float]:
    return {row[0]: row[1] for row in frame.collect()}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ([(1, 1, 2.0, 10)], [(1, 1, 4.0, 20)], [4.0]),
        ([(1, 1, 2.0, 20)], [(1, 1, 4.0, 10)], [2.0]),
        ([(1, 1, 2.0, 10)], [(1, 1, 4.0, 10)], [4.0]),
        ([(1, 1, 4.0, 10)], [(1, 1, 2.0, 10)], [2.0]),
        ([(1, 1, 2.0, 10), (1, 1, 4.0, 20), (1, 1, 3.0, 15)], [], [4.0]),
        ([(1, 1, 2.0, 10), (1, 2, 3.0, 5)], [(2, 1, 4.0, 1)], [2.0, 3.0, 4.0]),
    ],
    ids=[
        *("newer in the later input", "newer in the earlier input"),
        *("as new, higher in the later input", "as new, lower in the later input"),
        *("three times in one input", "other people and other titles are other pairs"),
    ],
)
def test_the_newest_rating_of_a_pair_wins_and_of_equals_that_of_the_later_input(
    spark: SparkSession,
    first: list[tuple[int, int, float, int]],
    second: list[tuple[int, int, float, int]],
    kept: list[float],
) -> None:
    one = steps.newest([dated(spark, first), dated(spark, second)])
    assert one.columns == ["user_id", "item_id", "rating", "rated_at"]
    assert sorted(row.rating for row in one.collect()) == kept


def test_statistics_are_the_count_and_the_mean_of_each_title(spark: SparkSession) -> None:
    rated = ratings(spark, [(1, 10, 5.0), (2, 10, 2.0), (3, 10, 2.0), (1, 20, 0.5)])
    table = steps.item_statistics(rated).orderBy("item_id").collect()
    assert [tuple(row) for row in table] == [(10, 3, 3.0), (20, 1, 0.5)]


def test_strength_is_1_at_the_best_rating_and_negative_below_neutral(spark: SparkSession) -> None:
    stars = ratings(spark, [(1, item, item / 2) for item in (1, 2, 4, 7, 10)])
    signed = steps.with_strengths(stars, RankingParams(neutral=2.0), best=5.0)
    found = {row.item_id: row.strength for row in signed.collect()}
    assert found == pytest.approx({1: -0.5, 2: -1 / 3, 7: 0.5, 10: 1.0})  # 2 stars say nothing


# Two people, two titles:           title 1   title 2
FULL = [(1, 1, 5.0), (1, 2, 3.0),  # person 1     5         3
        (2, 1, 4.0), (2, 2, 2.0)]  # person 2     4         2     mean 3.5  # fmt: skip
# ... and without the last rating the mean is 4.
MISSING = FULL[:-1]


@pytest.mark.parametrize(
    ("rows", "mean", "params", "of_items", "of_users"),
    [
        # Title 1: (1.5 + 0.5) / (2 + 2); person 1: (5 − 3.5 − 0.5 + 3 − 3.5 + 0.5) / (2 + 2).
        (FULL, 3.5, RatingParams(bias_regularization=2.0, bias_sweeps=1),
         (Fraction(1, 2), Fraction(-1, 2)), (Fraction(1, 4), Fraction(-1, 4))),
        # Title 1: (1 + 0) / (2 + 1), title 2: −1 / (1 + 1).
        (MISSING, 4.0, RatingParams(bias_regularization=1.0, bias_sweeps=1),
         (Fraction(1, 3), Fraction(-1, 2)), (Fraction(1, 18), Fraction(-1, 6))),
        # Again, given those people: (1 − 1/18 + 0 + 1/6) / 3 and (−1 − 1/18) / 2.
        (MISSING, 4.0, RatingParams(bias_regularization=1.0, bias_sweeps=2),
         (Fraction(10, 27), Fraction(-19, 36)), (Fraction(17, 324), Fraction(-5, 27))),
    ],
    ids=["everyone rated everything", "one rating missing", "a second sweep"],
)  # fmt: skip
def test_biases_are_the_shrunken_deviations_worked_out_by_hand(
    spark: SparkSession,
    rows: list[Row],
    mean: float,
    params: RatingParams,
    of_items: tuple[Fraction, ...],
    of_users: tuple[Fraction, ...],
) -> None:
    rated = ratings(spark, rows)
    items = steps.item_biases(rated, mean, params)
    users = steps.user_biases(rated, items, mean, params)
    assert by_id(items) == pytest.approx(dict(enumerate(map(float, of_items), start=1)))
    assert by_id(users) == pytest.approx(dict(enumerate(map(float, of_users), start=1)))


def plain_biases(
    table: np.ndarray, mean: float, params: RatingParams
) -> tuple[np.ndarray, np.ndarray]:
    """Items' and users' biases of a table (users, items) with NaN where nothing is rated."""
    counts_of_items, counts_of_users = (np.sum(~np.isnan(table), axis=axis) for axis in (0, 1))
    users = np.zeros(len(table))
    for _ in range(params.bias_sweeps):
        of_items = np.nansum(table - mean - users[:, None], axis=0)
        items = of_items / (counts_of_items + params.bias_regularization)
        of_users = np.nansum(table - mean - items, axis=1)
        users = of_users / (counts_of_users + params.bias_regularization)
    return items, users


def test_biases_and_residuals_equal_those_of_a_plain_loop(spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    table = random.integers(1, 6, (12, 7)).astype(float)
    table[random.random(table.shape) < 0.4] = np.nan
    params = RatingParams(bias_regularization=2.5, bias_sweeps=4)
    mean = float(np.nanmean(table))
    rows = [(int(u), int(i), float(table[u, i])) for u, i in np.argwhere(~np.isnan(table))]
    rated = ratings(spark, rows)
    item_bias = steps.item_biases(rated, mean, params)
    user_bias = steps.user_biases(rated, item_bias, mean, params)
    left_over = steps.residuals(rated, item_bias, user_bias, mean).collect()
    items, users = plain_biases(table, mean, params)
    assert by_id(item_bias) == pytest.approx(dict(enumerate(items)))
    assert by_id(user_bias) == pytest.approx(dict(enumerate(users)))
    assert {(row.user_id, row.item_id): row.residual for row in left_over} == pytest.approx(
        {(u, i): rating - mean - users[u] - items[i] for u, i, rating in rows}
    )
