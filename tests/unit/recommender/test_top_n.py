"""Exact top-N: equal to sorting everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.top_n import BOUND, BestFirst, rank_among, scores_of, top_n, top_of

NEVER = -np.inf

EXAMPLES: dict[str, tuple[list[float], int, list[int] | None, list[int]]] = {
    "best_first": ([1, 3, 2, 5], 3, None, [3, 1, 2]),
    "equal_scores_in_order_of_row": ([2, 1, 2, 2], 3, None, [0, 2, 3]),
    "a_tie_at_the_end_keeps_the_lower_row": ([1, 2, 1, 1], 2, None, [1, 0]),
    "minus_infinity_never": ([1, NEVER, 2], 3, None, [2, 0]),
    "minus_infinity_never_though_too_few_remain": ([NEVER, NEVER, 2, NEVER], 3, None, [2]),
    "an_excluded_row_never": ([1, 3, 2], 2, [1], [2, 0]),
    "excluded_twice_is_excluded_once": ([1, 3, 2], 2, [1, 1], [2, 0]),
    "everything_excluded": ([1, 3, 2], 2, [0, 1, 2], []),
    "nothing_excluded": ([1, 3, 2], 2, [], [1, 2]),
    "fewer_than_wanted": ([1, 3], 5, None, [1, 0]),
    "as_many_as_there_are": ([1, 3, 2], 3, None, [1, 2, 0]),
    "none_wanted": ([1, 3], 0, None, []),
    "less_than_none_wanted": ([1, 3], -1, None, []),
    "an_empty_catalogue": ([], 5, None, []),
    "plus_infinity_first": ([1, np.inf, 2], 2, None, [1, 2]),
    "minus_zero_is_zero": ([-0.0, 0.0, -0.0], 3, None, [0, 1, 2]),
}


@pytest.mark.parametrize(("scores", "n", "excluded", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_top_n_equals_expected_rows(
    scores: list[float], n: int, excluded: list[int] | None, expected: list[int]
):
    rows = None if excluded is None else np.array(excluded, dtype=np.int64)
    assert top_n(np.array(scores, dtype=float), n, rows).tolist() == expected


def by_sorting(scores: np.ndarray, n: int, excluded: list[int]) -> list[int]:
    rows = [r for r, score in enumerate(scores) if score > NEVER and r not in excluded]
    return sorted(rows, key=lambda r: -scores[r])[: max(n, 0)]  # sorted() is stable


few_values = st.sampled_from([NEVER, -1.5, -0.0, 0.0, 1.0, 2.0])  # so that there are many ties
any_values = st.floats(width=32, allow_nan=False)


@st.composite
def questions(draw: st.DrawFn) -> tuple[np.ndarray, int, list[int]]:
    scores = draw(st.lists(few_values, max_size=30) | st.lists(any_values, max_size=30))
    rows = st.integers(0, len(scores) - 1)
    excluded = draw(st.lists(rows, max_size=40)) if scores else []
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return np.array(scores, dtype=dtype), draw(st.integers(-1, len(scores) + 2)), excluded


@given(questions())
def test_top_n_equals_a_full_stable_sort(question: tuple[np.ndarray, int, list[int]]):
    scores, n, excluded = question
    found = top_n(scores, n, np.array(excluded, dtype=np.int64))
    assert found.tolist() == by_sorting(scores, n, excluded)


@given(questions())
def test_top_n_does_not_change_the_scores(question: tuple[np.ndarray, int, list[int]]):
    scores, n, excluded = question
    before = scores.copy()
    scores.flags.writeable = False  # as memory-mapped arrays are
    top_n(scores, n, np.array(excluded, dtype=np.int64))
    assert np.array_equal(scores, before)


def test_top_n_returns_int64_rows_even_when_empty():
    assert top_n(np.array([NEVER]), 1).dtype == np.int64
    assert top_n(np.array([1.0]), 0).dtype == np.int64


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Factors and offsets of up to a few thousand items, including ties, zeros and items that are
    never listed, with equal norms or norms that decrease as in a fitted model."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    items, rank = draw(st.integers(0, 3000)), draw(st.integers(1, 8))
    factors = random.standard_normal((items, rank), np.float32)
    if draw(st.booleans()):
        factors *= (1 / np.arange(1, items + 1, dtype=np.float32))[random.permutation(items), None]
    if draw(st.booleans()):
        factors = np.round(factors)
    offsets = draw(st.sampled_from([0.0, 0.01, 1.0, 100.0])) * random.standard_normal(items)
    offsets[random.random(items) < draw(st.sampled_from([0.0, 0.1, 0.9, 1.0]))] = NEVER
    return factors, np.round(offsets, 2), random


def amounts(data: st.DataObject, items: int, random: np.random.Generator) -> np.ndarray | None:
    """Draw what a person's own items add to the scores: nothing, to a few items or to many."""
    share = data.draw(st.sampled_from([None, 0.0, 0.01, 0.5, 1.0]), "share of items added to")
    if share is None:
        return None
    scale = data.draw(st.sampled_from([0.01, 1.0, 100.0]), "scale of what is added")
    return np.where(random.random(items) < share, scale * random.standard_normal(items), 0.0)


def split(factors: np.ndarray, offsets: np.ndarray, at: int | None) -> list[BestFirst]:
    """Return the items in one order, or those before a row and those from it on in two."""
    if at is None:
        return [BestFirst(factors, offsets)]
    return [BestFirst(factors[:at], offsets[:at]), BestFirst(factors[at:], offsets[at:], at)]


@settings(deadline=None, max_examples=300)
@given(catalogues(), st.data())
def test_best_first_top_equals_a_full_sort(
    catalogue: tuple[np.ndarray, np.ndarray, np.random.Generator], data: st.DataObject
):
    factors, offsets, random = catalogue
    items, rank = factors.shape
    n = data.draw(st.sampled_from([0, 1, 2, 20, items, items + 3]))
    vector = data.draw(st.sampled_from([0.0, 1.0, 1000.0])) * random.standard_normal(rank)
    excluded = np.flatnonzero(random.random(items) < data.draw(st.sampled_from([0.0, 0.1, 1.0])))
    allowed = random.random(items) < 0.5 if data.draw(st.booleans()) else None
    added = amounts(data, items, random)
    scores = scores_of(factors, offsets, vector) + (0.0 if added is None else added)
    readable = scores if allowed is None else np.where(allowed, scores, NEVER)
    orders = split(factors, offsets, data.draw(st.sampled_from([None, 0, items // 3, items])))
    rows, found = top_of(orders, vector, n, excluded, allowed, added)
    assert rows.tolist() == top_n(readable, n, excluded).tolist()
    assert found.tolist() == scores[rows].tolist()


@settings(deadline=None, max_examples=100)
@given(catalogues(), st.data())
def test_best_first_rank_is_the_position_in_the_full_list(
    catalogue: tuple[np.ndarray, np.ndarray, np.random.Generator], data: st.DataObject
):
    factors, offsets, random = catalogue
    items, rank = factors.shape
    vector = data.draw(st.sampled_from([0.0, 1.0, 1000.0])) * random.standard_normal(rank)
    excluded = np.flatnonzero(random.random(items) < data.draw(st.sampled_from([0.0, 0.1, 1.0])))
    added = amounts(data, items, random)
    scores = scores_of(factors, offsets, vector) + (0.0 if added is None else added)
    listed = top_n(scores, items, excluded).tolist()
    orders = split(factors, offsets, data.draw(st.sampled_from([None, 0, items // 3, items])))
    for row in random.permutation(items)[:20].tolist():
        place = listed.index(row) + 1 if row in listed else None
        assert rank_among(orders, vector, row, excluded, added) == place


def test_best_first_counts_a_repeated_exclusion_once():
    factors = np.array([[3.0], [2.0], [1.0]], np.float32)
    best = BestFirst(factors, np.zeros(3))
    assert best.top(np.ones(1), 2, np.array([0, 0]))[0].tolist() == [1, 2]


def test_best_first_reads_few_items_when_norms_fall_fast():
    random = np.random.default_rng(0)
    factors = random.standard_normal((100 * BOUND, 8), np.float32)
    factors /= np.arange(1, 100 * BOUND + 1, dtype=np.float32)[:, None] ** 0.5
    asked = np.ones(8), 20, np.empty(0, np.int64)
    best = BestFirst(factors, np.zeros(len(factors)))
    expected = best.top(*asked)[0]
    best._factors[20 * BOUND :] = np.nan  # reading these would give wrong results
    assert best.top(*asked)[0].tolist() == expected.tolist()


def test_best_first_reads_few_items_when_little_is_added_to_most():
    random = np.random.default_rng(0)
    factors = random.standard_normal((100 * BOUND, 8), np.float32)
    factors /= np.arange(1, 100 * BOUND + 1, dtype=np.float32)[:, None] ** 0.5
    added = 0.01 * random.random(len(factors))
    added[-3:] = 100.0  # of the items with the lowest bounds
    asked = np.ones(8), 20, np.empty(0, np.int64), None, added
    best = BestFirst(factors, np.zeros(len(factors)))
    expected = best.top(*asked)[0]
    assert sorted(expected[:3]) == [len(factors) - 3, len(factors) - 2, len(factors) - 1]
    unread = np.setdiff1d(
        np.arange(40 * BOUND, 100 * BOUND), best._bounds(asked[0], added, asked[2])[1]
    )
    best._factors[unread] = np.nan  # reading these would give wrong results
    assert best.top(*asked)[0].tolist() == expected.tolist()
