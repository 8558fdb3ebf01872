"""Other orders of a shortlist, and titles that sink: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.reordering import (
    MOST,
    WEIGHTS,
    impression_discount,
    reorder,
    standardized,
    strongest_disagreement,
)

SCORES = [3.0, 2.0, 1.0]  # 1.2247 standard deviations apart
STARS = [3.0, 4.0, 4.8]


def test_reorder_keeps_the_order_of_scores_without_weight_and_discount() -> None:
    assert reorder(SCORES, STARS).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("weight", "places"),
    [(1.0, [0, 1, 2]), (1.24, [1, 0, 2]), (2.0, [2, 1, 0]), (float("inf"), [2, 1, 0])],
)
def test_reorder_adds_weighted_stars_to_the_standardized_score(
    weight: float, places: list[int]
) -> None:
    values = standardized(np.array(SCORES)) + min(weight, 1e9) * np.array(STARS)
    assert reorder(SCORES, STARS, weight).tolist() == np.argsort(-values).tolist() == places


def test_reorder_by_stars_alone_keeps_equal_ones_in_order() -> None:
    assert reorder([1, 5, 3], [4.0, 4.0, 4.5], float("inf")).tolist() == [2, 0, 1]


def test_reorder_ignores_the_weight_without_stars() -> None:
    assert reorder([3, 2], [None, None], 6.0).tolist() == [0, 1]


@pytest.mark.parametrize("scores", [[], [2.0], [2.0, 2.0]])
def test_reorder_takes_lists_without_spread(scores: list[float]) -> None:
    assert reorder(scores, [3.0] * len(scores)).tolist() == list(range(len(scores)))


def test_reorder_lets_discounted_titles_sink() -> None:
    assert reorder(SCORES, STARS, discount=[1.5, 0, 0]).tolist() == [1, 0, 2]


def test_weights_grow_from_the_score_alone_to_stars_alone() -> None:
    assert WEIGHTS[0] == 0
    assert list(WEIGHTS) == sorted(WEIGHTS)
    assert WEIGHTS[-1] == float("inf")


def test_impression_discount_grows_by_days_to_its_limit_and_halves_in_two_weeks() -> None:
    found = impression_discount([1, 2, 3, 5, 100, 100], [0, 0, 0, 0, 0, 14])
    assert found == pytest.approx([0, 0, 0.25, 0.75, MOST, MOST / 2])


def test_disagreement_names_the_pair_with_the_most_stars_between() -> None:
    assert strongest_disagreement([4.0, 3.6, 4.2, 4.7, 3.0]) == (1, 3)
    assert strongest_disagreement([4.5, 4.4, 3.0, 3.7]) is None
    assert strongest_disagreement([3.0, 3.8]) == (0, 1)
    assert strongest_disagreement([3.0]) is None
    assert strongest_disagreement([None, None]) is None
