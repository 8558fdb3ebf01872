"""A weighted draw: chances by hand, the same for a seed, and never twice the same place."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.weighted_draw import chances, draw


def test_chances_grow_by_e_with_each_standard_deviation() -> None:
    found = chances([3.0, 4.0])  # a standard deviation of 0.5: two of them apart
    assert found[1] / found[0] == pytest.approx(np.exp(2))
    assert found.sum() == pytest.approx(1)


def test_chances_do_not_depend_on_the_scale() -> None:
    assert chances([1, 2, 4]) == pytest.approx(chances([100, 200, 400]))


@pytest.mark.parametrize("values", [[], [3.5], [2.0, 2.0, 2.0]])
def test_chances_are_equal_for_equal_values(values: list[float]) -> None:
    assert chances(values) == pytest.approx([1 / max(len(values), 1)] * len(values))


def test_draw_repeats_for_a_seed_and_draws_each_place_once() -> None:
    assert draw([1, 2, 3], 7) == draw([1, 2, 3], 7)
    assert sorted(place for place, _ in draw([1, 2, 3], 7, n=9)) == [0, 1, 2]
    assert draw([], 7) == []


def test_draw_prefers_better_values() -> None:
    drawn = [draw([1.0, 3.0, 5.0], seed)[0][0] for seed in range(2000)]
    expected = chances([1.0, 3.0, 5.0])
    assert np.bincount(drawn) / 2000 == pytest.approx(expected, abs=0.03)
