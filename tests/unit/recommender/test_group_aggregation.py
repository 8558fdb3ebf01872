"""Group recommendations, similar items, and confidence intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.confidence_intervals import ratio, wilson
from recommender.group_aggregation import VETO_BELOW, agree, recommend_group, shortlist
from recommender.item_similarity import DOUBT, similar_items, similarity
from recommender.model import Model
from tests.support.releases import tiny_release

STARS = np.array([[5.0, 4.0, 2.0], [1.0, 3.5, 4.0]])
SPACE, LOVE = {1: 5.0, 2: 5.0}, {13: 5.0, 21: 5.0}


def test_agree_equals_values_computed_by_hand_for_each_strategy() -> None:
    assert agree(STARS, "average").tolist() == [3.0, 3.75, 3.0]
    assert agree(STARS, "misery").tolist() == [1.0, 3.5, 2.0]
    assert agree(STARS, "veto").tolist() == [-np.inf, 3.75, -np.inf]


def test_shortlist_normalizes_the_scores_of_each_member() -> None:
    scores = np.array([[100.0, 0.0, 90.0], [0.0, 0.1, 0.09]])
    assert shortlist(scores, np.array([], int), 1).tolist() == [2]
    assert set(shortlist(scores, np.array([2]), 3).tolist()) == {0, 1}
    scores[0, 0] = -np.inf
    assert 0 not in shortlist(scores, np.array([], int), 3)


def test_shortlist_accepts_constant_scores() -> None:
    assert shortlist(np.zeros((2, 3)), np.array([], int), 2).tolist() == [0, 1]


@pytest.mark.parametrize("way", ["average", "misery", "veto"])
def test_recommend_group_returns_unrated_items_with_a_rating_per_member(way: str) -> None:
    model = Model(tiny_release())
    evening = recommend_group(model, [SPACE, LOVE], way, 10)
    assert {item for item, _, _ in evening} <= {3, 5, 8, 34}
    for item, agreed, each in evening:
        alone = [model.estimate(model.fold_in(r), [item])[item] for r in (SPACE, LOVE)]
        assert each == pytest.approx(alone)
        assert agreed == pytest.approx(float(agree(np.array(each)[:, None], way)[0]))
        if way == "veto":
            assert min(each) >= VETO_BELOW
    agreed_stars = [agreed for _, agreed, _ in evening]
    assert agreed_stars == sorted(agreed_stars, reverse=True)


def test_similarity_is_the_cosine_weighted_by_rating_count() -> None:
    factors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    near = similarity(factors, np.array([10, 10, 10, 10_000, 5]), 0)
    assert near[0] == -np.inf
    assert near[1] == pytest.approx(10 / (10 + DOUBT))
    assert near[2] == near[4] == 0.0
    assert near[3] == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert similar_items(Model(tiny_release()), 1, 3) == [2, 3, 5]
    assert similar_items(Model(tiny_release()), 999, 3) == []


def test_ratio_interval_equals_a_value_computed_by_hand() -> None:
    # Three people: means 4 and 3 and 5 of one rating each; variance of the mean = 1/3.
    estimate = ratio([4, 3, 5], [1, 1, 1])
    assert estimate is not None
    assert estimate.value == 4.0
    assert estimate.high == pytest.approx(4 + 1.959964 * np.sqrt(1 / 3), rel=1e-6)
    assert estimate.n == 3


def test_ratio_interval_is_independent_of_repeated_answers_of_a_user() -> None:
    once = ratio([4, 3, 5], [1, 1, 1])
    often = ratio([40, 30, 50], [10, 10, 10])
    assert once is not None
    assert often is not None
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_ratio_has_no_interval_for_too_few_users() -> None:
    assert ratio([], []) is None
    assert ratio([0], [0]) is None
    alone = ratio([4], [1])
    assert alone is not None
    assert (alone.value, alone.low, alone.high) == (4.0, None, None)
    assert wilson(0, 0) is None


def test_wilson_interval_equals_the_textbook() -> None:
    # Textbook example, 10 of 20: 0.2993 to 0.7007.
    estimate = wilson(10, 20)
    assert estimate is not None
    assert (estimate.low, estimate.high) == (
        pytest.approx(0.2993, abs=1e-4),
        pytest.approx(0.7007, abs=1e-4),
    )


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_wilson_interval_contains_the_share_and_stays_within_0_and_1(some: int, n: int) -> None:
    estimate = wilson(min(some, n), n)
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= estimate.value + 1e-12
    assert estimate.value - 1e-12 <= estimate.high <= 1
