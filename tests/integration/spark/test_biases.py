"""Biases and residuals, on ratings few enough to compute by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.catalogue import CatalogueItem
from recommender.params import RatingParams
from spark_jobs.als.biases import fit_biases, residuals, row_sums
from spark_jobs.item_features import centred, item_features
from tests.support.rating_rows import Row, packed


def test_row_sums_add_the_values_of_each_row(spark: SparkSession) -> None:
    stars = packed(spark, [(1, 10, 5.0), (2, 10, 2.0), (3, 10, 2.0), (1, 20, 0.5)])
    assert row_sums(stars.items).tolist() == [9.0, 0.5]
    assert row_sums(stars.users).tolist() == [5.5, 2.0, 2.0]


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
def test_fit_biases_equals_shrunken_deviations_computed_by_hand(
    spark: SparkSession,
    rows: list[Row],
    mean: float,
    params: RatingParams,
    of_items: tuple[Fraction, ...],
    of_users: tuple[Fraction, ...],
) -> None:
    users, items = fit_biases(packed(spark, rows), mean, params)
    assert items == pytest.approx([float(bias) for bias in of_items])
    assert users == pytest.approx([float(bias) for bias in of_users])


def plain_biases(
    table: np.ndarray, mean: float, params: RatingParams
) -> tuple[np.ndarray, np.ndarray]:
    """Items' and users' biases of a table (users, items) with NaN for missing ratings."""
    counts_of_items, counts_of_users = (np.sum(~np.isnan(table), axis=axis) for axis in (0, 1))
    users = np.zeros(len(table))
    for _ in range(params.bias_sweeps):
        of_items = np.nansum(table - mean - users[:, None], axis=0)
        items = of_items / (counts_of_items + params.bias_regularization)
        of_users = np.nansum(table - mean - items, axis=1)
        users = of_users / (counts_of_users + params.bias_regularization)
    return items, users


def test_biases_and_residuals_equal_a_plain_loop(spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    table = random.integers(1, 6, (12, 7)).astype(float)
    table[random.random(table.shape) < 0.4] = np.nan
    params = RatingParams(bias_regularization=2.5, bias_sweeps=4)
    mean = float(np.nanmean(table))
    rows = [(int(u), int(i), float(table[u, i])) for u, i in np.argwhere(~np.isnan(table))]
    stars = packed(spark, rows)
    user_bias, item_bias = fit_biases(stars, mean, params)
    items, users = plain_biases(table, mean, params)
    assert item_bias == pytest.approx(items, abs=1e-6)
    assert user_bias == pytest.approx(users, abs=1e-6)
    left_over = residuals(stars, user_bias, item_bias, mean)
    expected = {(u, i): rating - mean - users[u] - items[i] for u, i, rating in rows}
    for side, by_user in ((left_over.users, True), (left_over.items, False)):
        found = {}
        for block in side.map(lambda block: block):
            pairs = zip(block.rows.tolist(), block.columns.tolist(), strict=True)
            keys = [pair if by_user else pair[::-1] for pair in pairs]
            found.update(zip(keys, block.values.tolist(), strict=True))
        assert found == pytest.approx(expected, abs=1e-5)


def test_fit_biases_shrinks_towards_the_prediction_from_features(spark: SparkSession) -> None:
    params = RatingParams(bias_regularization=1.0, bias_sweeps=1)
    # Deviations 1 of 2 ratings and −1 of 1, weights 2/3 and 1/2, one feature that all have:
    # w = (2/3·1/2 − 1/2·1) / (2/3 + 1/2 + 5) = −1/37, so (1 + w) / 3 and (−1 + w) / 2.
    _, items = fit_biases(packed(spark, MISSING), 4.0, params, np.ones((2, 1)))
    assert items == pytest.approx([12 / 37, -19 / 37])


def test_item_features_are_genres_decade_and_popularity() -> None:
    items = [
        CatalogueItem(1, "One", 1994, ("Drama",)),
        CatalogueItem(2, "Two", None, ()),
        CatalogueItem(3, "Three", 2001, ("Comedy", "Drama")),
    ]
    features = item_features(items, np.array([1, 3]), np.array([0, 1]))
    # log(1 + count), then 1990s, 2000s, Comedy, Drama.
    log2 = np.log(2)
    assert features.tolist() == [[0, 1, 0, 0, 1], [log2, 0, 1, 1, 1]]


def test_centred_features_have_mean_0_and_mean_square_length_1() -> None:
    # Three ratings: mean (1·0 + 2·3) / 3 = 2, so −2 and 1, mean square (4 + 2·1) / 3 = 2.
    found = centred(np.array([[0.0], [3.0]]), np.array([1, 2]))
    assert found == pytest.approx(np.array([[-2.0], [1.0]]) / np.sqrt(2))
    assert centred(np.ones((2, 1)), np.array([1, 2])).tolist() == [[0], [0]]
