"""Fold-in: normal equations of both models, compared with hand-computed values and plain loops."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from recommender.fold_in import Ridge, fold_in_ranking, fold_in_rating, gram, preference, user_bias
from recommender.params import RankingParams

ALPHA, LAMBDA, LAMBDA_B = 4.0, 0.1, 3.0
RIDGE = Ridge(LAMBDA)


def made_up(seed: int, items: int = 12, rank: int = 3) -> np.ndarray:
    """Item factors as a release stores them."""
    return np.random.default_rng(seed).normal(size=(items, rank)).astype(np.float32)


def ranking(factors: np.ndarray, rows: list[int], strengths: list[float]) -> np.ndarray:
    return fold_in_ranking(gram(factors), factors[rows], np.array(strengths), ALPHA, RIDGE)


def rating(factors: np.ndarray, rows: list[int], deviations: list[float]) -> np.ndarray:
    """Return the bias, then the vector."""
    bias, vector = fold_in_rating(factors[rows], np.array(deviations), RIDGE, LAMBDA_B)
    return np.array([bias, *vector])


MODELS = pytest.mark.parametrize("model", [ranking, rating])


@pytest.mark.parametrize(
    ("stars", "expected"),
    [(2.0, 0.0), (5.0, 1.0), (3.5, 0.5), (0.5, -0.5), (0.0, -2 / 3)],
    ids=["neutral", "best", "half_way", "disliked", "hated"],
)
def test_preference_is_0_at_neutral_and_1_at_best(stars: float, expected: float):
    assert preference(stars, neutral=2.0, best=5.0) == pytest.approx(expected, abs=1e-15)


def test_preference_accepts_arrays():
    assert_allclose(preference(np.array([2.0, 5.0, 0.5]), 2.0, 5.0), [0.0, 1.0, -0.5])


def test_gram_is_summed_in_double_precision():
    factors = np.array([[1, 0], [0, 2], [1, 1]], dtype=np.float32)
    assert gram(factors).tolist() == [[2, 1], [1, 5]]
    assert gram(factors).dtype == np.float64


@pytest.mark.parametrize(
    ("strengths", "expected"),
    [
        # left 5 + 3·2² + 0.5·1, right (1 + 3)·2
        ({1: 1.0}, 8 / 17.5),
        # a dislike adds 3·1² to the left and nothing to the right
        ({1: 1.0, 0: -1.0}, 8 / 20.5),
        # two likes: left 5 + 3·2² + 1.5·1² + 0.5·2, right (1 + 3)·2 + (1 + 1.5)·1
        ({1: 1.0, 0: 0.5}, 10.5 / 19.5),
    ],
    ids=["a_like", "a_like_and_a_dislike", "two_likes"],
)
def test_fold_in_ranking_of_rank_1_equals_a_value_computed_by_hand(
    strengths: dict[int, float], expected: float
):
    factors = np.array([[1.0], [2.0]])
    vector = fold_in_ranking(
        gram(factors), factors[[*strengths]], np.array([*strengths.values()]), 3.0, Ridge(0.5)
    )
    assert_allclose(vector, [expected])


def test_fold_in_ranking_of_rank_2_equals_a_value_computed_by_hand():
    factors = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    vector = fold_in_ranking(gram(factors), factors[:2], np.array([1.0, -0.5]), 2.0, Ridge(1.0))
    # [[2 + 2·1 + 1, 1], [1, 5 + 1·4 + 1]] x = [3, 0]
    assert_allclose(vector, [30 / 49, -3 / 49])


def test_fold_in_rating_of_rank_1_equals_a_value_computed_by_hand():
    bias, vector = fold_in_rating(np.array([[1.0], [2.0]]), np.array([2.0, 1.0]), Ridge(0.5), 1.0)
    assert bias == 1.0  # (2 + 1) / (2 + 1)
    assert_allclose(vector, [1 / 6])  # (1² + 2² + 0.5·2) p = 1·1 + 2·0


def test_fold_in_rating_of_rank_2_equals_a_value_computed_by_hand():
    factors = np.array([[1.0, 0.0], [1.0, 1.0]])
    bias, vector = fold_in_rating(factors, np.array([3.0, 0.0]), Ridge(0.5), 1.0)
    assert bias == 1.0
    assert_allclose(vector, [3 / 5, -4 / 5])  # [[2 + 1, 1], [1, 1 + 1]] p = [1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_fold_in_ranking_equals_plain_loops(seed: int):
    factors = made_up(seed).astype(float)
    strengths = {7: 1.0, 0: -0.5, 3: 0.0, 11: 0.25, 4: -0.1, 2: 0.6}
    left, right = np.zeros((3, 3)), np.zeros(3)
    for y in factors:
        left += np.outer(y, y)
    for row, s in strengths.items():
        y, c = factors[row], ALPHA * abs(s)
        left += c * np.outer(y, y)
        if s > 0:
            left += LAMBDA * np.eye(3)
            right += (1 + c) * y
    vector = ranking(factors, [*strengths], [*strengths.values()])
    assert_allclose(vector, np.linalg.solve(left, right), rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_fold_in_rating_equals_plain_loops(seed: int):
    factors = made_up(seed).astype(float)
    deviations = {7: 1.5, 0: -2.0, 3: 0.0, 11: 0.5}
    bias = sum(deviations.values()) / (len(deviations) + LAMBDA_B)
    left, right = np.zeros((3, 3)), np.zeros(3)
    for row, deviation in deviations.items():
        q = factors[row]
        left += np.outer(q, q) + LAMBDA * np.eye(3)
        right += q * (deviation - bias)
    found = rating(factors, [*deviations], [*deviations.values()])
    assert_allclose(found, [bias, *np.linalg.solve(left, right)], rtol=1e-10)


@MODELS
def test_fold_in_is_independent_of_the_order_of_ratings(model):
    factors = made_up(1).astype(float)
    forwards = model(factors, [0, 5, 2, 9], [1.0, -0.5, 0.3, 0.8])
    backwards = model(factors, [9, 2, 5, 0], [0.8, 0.3, -0.5, 1.0])
    assert_allclose(forwards, backwards, rtol=1e-12)


@MODELS
def test_fold_in_in_single_precision_differs_by_a_millionth_at_most(model):
    factors = made_up(4, items=2_000, rank=32)
    rows = [*range(300)]
    numbers = np.sin(rows).tolist()
    single, double = (
        model(as_given, rows, numbers) for as_given in (factors, factors.astype(float))
    )
    assert_allclose(single, double, atol=1e-6 * np.abs(double).max(), rtol=0)


@MODELS
def test_fold_in_is_unchanged_after_adding_and_removing_a_rating(model):
    factors = made_up(2)
    before = model(factors, [0, 5], [1.0, -0.5])
    during = model(factors, [0, 5, 7], [1.0, -0.5, 0.9])
    assert not np.allclose(before, during)
    assert_array_equal(model(factors, [0, 5], [1.0, -0.5]), before)


def test_fold_in_does_not_change_its_arguments():
    factors, numbers = made_up(3), np.array([1.0, -0.5])
    square = gram(factors)
    for given in (factors, numbers, square):
        given.flags.writeable = False
    fold_in_ranking(square, factors[:2], numbers, ALPHA, RIDGE)
    fold_in_rating(factors[:2], numbers, RIDGE, LAMBDA_B)


def test_fold_in_ranking_ignores_a_neutral_rating():
    without = ranking(made_up(4), [0, 5], [1.0, -0.5])
    assert_allclose(ranking(made_up(4), [0, 5, 7], [1.0, -0.5, 0.0]), without, rtol=1e-12)


def test_dislike_lowers_the_score_of_similar_items():
    factors = np.array([[1.0, 0.2], [0.8, 0.6], [0.9, 0.5]])
    liking = ranking(factors, [0], [1.0])
    assert ranking(factors, [0, 1], [1.0, -1.0]) @ factors[2] < liking @ factors[2]


@pytest.mark.parametrize(
    ("rows", "strengths"),
    [([], []), ([0], [0.0]), ([0, 1], [-0.5, -1.0])],
    ids=["nobody", "only_neutral", "only_dislikes"],
)
def test_ranking_vector_is_zero_without_a_like(rows: list[int], strengths: list[float]):
    """Even if two items with three factors make the equations singular."""
    assert_array_equal(ranking(made_up(5, items=2), rows, strengths), np.zeros(3))


def test_bias_and_rating_vector_are_zero_without_ratings():
    assert_array_equal(rating(made_up(5), [], []), np.zeros(4))


@pytest.mark.parametrize("ratings", [0, 1, 3, 9, 97])
def test_user_bias_shrinks_more_with_fewer_ratings(ratings: int):
    """Every rating is one star above the expected one: n / (n + 3)."""
    assert user_bias(np.ones(ratings), 3.0) == float(Fraction(ratings, ratings + 3))


def test_ridge_equals_that_of_spark_mllib_by_default():
    assert Ridge(0.1)(7) == pytest.approx(0.7)


def test_ridge_applies_catalogue_share_and_exponent():
    params = RankingParams(regularization=0.5, regularization_exponent=0.5, catalogue_share=0.1)
    assert_allclose(Ridge.from_params(params, catalogue=90)(np.array([0, 7, 16])), [1.5, 2.0, 2.5])


def test_ridge_measures_counts_in_typical_rows():
    """0.5·t·√(n/t) with t = 16: a typical row has the ridge 0.5·16, at any exponent."""
    params = RankingParams(regularization=0.5, regularization_exponent=0.5, typical_count=16.0)
    assert_allclose(Ridge.from_params(params, catalogue=90)(np.array([4, 16, 64])), [4, 8, 16])
    linear = RankingParams(regularization=0.5, regularization_exponent=1.0, typical_count=16.0)
    assert Ridge.from_params(linear, catalogue=90)(16) == pytest.approx(8)


def test_ridge_of_params_without_a_typical_count_is_that_of_earlier_releases():
    params = RankingParams(regularization=0.5, regularization_exponent=0.5)
    assert Ridge.from_params(params, catalogue=90)(16) == pytest.approx(2)
