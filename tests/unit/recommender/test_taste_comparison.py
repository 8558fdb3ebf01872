"""How alike two people are: the correlation and its interval by hand, and the lists."""

from __future__ import annotations

import math

import pytest

from recommender.taste_comparison import compare_tastes, correlation


def test_correlation_has_the_interval_of_fisher() -> None:
    found = correlation([1, 2, 3, 4, 5, 3], [2, 1, 4, 3, 5, 3])
    assert found is not None
    assert found.value == pytest.approx(0.8)
    half = 1.959964 / math.sqrt(3)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.8) - half))
    assert found.high == pytest.approx(math.tanh(math.atanh(0.8) + half))
    assert found.n == 6


def test_correlation_of_the_same_ratings_stays_below_one() -> None:
    found = correlation([1, 2, 3, 4], [1, 2, 3, 4])
    assert found is not None
    assert found.low is not None
    assert 0.99 < found.low <= found.value <= 1


@pytest.mark.parametrize(("a", "b"), [([1, 2, 3], [1, 2, 3]), ([4] * 5, [1, 2, 3, 4, 5]), ([], [])])
def test_correlation_is_none_without_enough_to_go_by(a: list[float], b: list[float]) -> None:
    assert correlation(a, b) is None


def test_lists_have_the_clearest_case_first() -> None:
    mine = {1: 5.0, 2: 4.0, 3: 1.0, 4: 3.0, 5: 5.0}
    other = {1: 5.0, 2: 5.0, 3: 5.0, 4: 1.0, 6: 4.5, 7: 4.0, 8: 5.0, 9: 2.0}
    found = compare_tastes(mine, other, 4.0, 1.5, known=[8])
    assert found.shared == 4
    assert found.both_love == [1, 2]
    assert found.differ == [3, 4]
    assert found.only_other == [6, 7]


def test_hours_are_compared_by_logarithms_and_own_medians() -> None:
    mine, other = {1: 100.0, 2: 1.0, 3: 2.0}, {1: 3.0, 2: 0.5, 3: 900.0, 4: 5.0}
    found = compare_tastes(mine, other, None, 2.0)
    assert found.both_love == [3]  # medians: 2 and 4 hours
    assert found.differ == [3, 1]
    assert found.only_other == [4]


def test_people_without_ratings_have_nothing_in_common() -> None:
    found = compare_tastes({}, {1: 4.0}, 4.0, 1.5)
    assert (found.shared, found.alike, found.both_love, found.differ) == (0, None, [], [])
