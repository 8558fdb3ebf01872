"""Items that training never saw, folded in from their raters."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.fold_in import Ridge
from recommender.item_fold_in import PRIOR_WEIGHT, fold_in_item, fold_in_item_neighbours

ALPHA, RIDGE = 5.0, Ridge(0.1, 0.5)
PRIOR = np.array([0.3, -0.2, 0.1])


@pytest.mark.parametrize("raters", [1, 2, 3, 30])
def test_item_factors_solve_the_equation_with_few_and_with_many_raters(raters: int) -> None:
    random = np.random.default_rng(raters)
    x, s = random.standard_normal((raters, 3)), random.uniform(-1, 1, raters)
    c, wanted = ALPHA * np.abs(s), s > 0
    shrinkage = PRIOR_WEIGHT * RIDGE(max(1, wanted.sum()))
    left = sum(c[u] * np.outer(x[u], x[u]) for u in range(raters)) + shrinkage * np.eye(3)
    right = sum(((1 + c[u]) * x[u] for u in range(raters) if wanted[u]), shrinkage * PRIOR)
    np.testing.assert_allclose(
        fold_in_item(x, s, ALPHA, RIDGE, PRIOR), np.linalg.solve(left, right), atol=1e-12
    )


@pytest.mark.parametrize("preferences", [[], [0.0, 0.0]])
def test_item_without_a_preference_has_the_factors_that_are_expected_of_it(
    preferences: list[float],
) -> None:
    vectors = np.ones((len(preferences), 3))
    found = fold_in_item(vectors, np.array(preferences), ALPHA, RIDGE, PRIOR)
    np.testing.assert_array_equal(found, PRIOR)


def test_item_comes_nearer_to_those_who_like_it_and_leaves_those_who_do_not() -> None:
    likes, dislikes = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    found = fold_in_item(np.array([likes, dislikes]), np.array([1.0, -1.0]), ALPHA, RIDGE, PRIOR)
    assert found @ likes > PRIOR @ likes
    assert abs(found @ dislikes) < abs(PRIOR @ dislikes)


def test_item_does_not_depend_on_the_order_of_its_raters() -> None:
    random = np.random.default_rng(0)
    x, s = random.standard_normal((20, 3)), random.uniform(-1, 1, 20)
    np.testing.assert_allclose(
        fold_in_item(x, s, ALPHA, RIDGE, PRIOR),
        fold_in_item(x[::-1], s[::-1], ALPHA, RIDGE, PRIOR),
        atol=1e-12,
    )


def test_item_neighbours_are_the_ridge_regression_of_its_raters() -> None:
    of_raters = np.array([[1.0, 0.0, 0.5], [0.8, -1.0, 0.0], [0.0, 0.3, 0.0]])
    wanted = np.array([1.0, -0.5, 0.6])
    starts = np.cumsum([0, 2, 2, 1])
    rows, known = np.array([4, 9, 4, 7, 7]), np.array([1.0, 0.5, 0.8, -1.0, 0.3])
    sources, weights = fold_in_item_neighbours(starts, rows, known, wanted, 2.0, most=9)
    left = of_raters.T @ of_raters + 2.0 * np.eye(3)
    expected = np.linalg.solve(left, of_raters.T @ wanted)  # of the items 4, 7 and 9
    assert sources.tolist() == [4, 7, 9]
    np.testing.assert_allclose(weights, expected)
    sources, weights = fold_in_item_neighbours(starts, rows, known, wanted, 2.0, most=1)
    (best,) = sources.tolist()
    assert weights == pytest.approx([np.abs(expected).max() * np.sign(weights[0])])
    assert best in (4, 7)
