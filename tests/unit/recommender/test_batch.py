"""Many users in one pass: the same results as one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender import batch as module
from recommender.batch import recommend_many
from recommender.fold_in import (
    Ridge,
    fold_in_ranking,
    fold_in_ranking_many,
    fold_in_rating,
    fold_in_rating_many,
    gram,
)
from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import publish_tiny

ridge = Ridge(0.1)
FACTORS = np.random.default_rng(3).normal(size=(30, 4)).astype(np.float32)
PEOPLE = [
    {1: 5.0, 2: 4.5},
    {},
    {13: 0.5},
    {999: 5.0},
    {8: 4.0, 1: 1.0, 2: 3.5, 55: 2.0},
]

people_of = st.lists(
    st.dictionaries(st.integers(0, 29), st.sampled_from([-0.6, 0.0, 0.5, 1.0]), max_size=8),
    min_size=1,
    max_size=6,
)


@given(people_of)
def test_batched_solves_equal_single_ones(people: list[dict[int, float]]) -> None:
    known = [(np.array([*p], np.int64), np.array([*p.values()], float)) for p in people]
    rows, values, rated = module._padded(known)
    factors = FACTORS.astype(float)
    items = gram(factors)
    x = fold_in_ranking_many(items, factors[rows], values, rated, 5.0, ridge)
    biases, p = fold_in_rating_many(factors[rows], values, rated, ridge, 3.0)
    for u, (own, output) in enumerate(known):
        np.testing.assert_allclose(
            x[u], fold_in_ranking(items, factors[own], output, 5.0, ridge), rtol=1e-9, atol=1e-12
        )
        bias, vector = fold_in_rating(factors[own], output, ridge, 3.0)
        assert biases[u] == pytest.approx(bias, abs=1e-12)
        np.testing.assert_allclose(p[u], vector, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    "numbers", [1, 40, module.LARGEST_ARRAY], ids=["one by one", "few", "at once"]
)
def test_recommend_many_equals_single_recommendations(
    store: ReleaseStore, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    monkeypatch.setattr(module, "LARGEST_ARRAY", numbers)
    publish_tiny(store)
    model = Model(store.read("20260101-000000-aaaa"))
    hidden: list[list[int]] = [[3], [1], [], [8, 777], []]
    for lists, left_out in (
        (recommend_many(model, PEOPLE, 5, hidden), hidden),
        (recommend_many(model, PEOPLE, 5), [[]] * len(PEOPLE)),
    ):
        for output, ratings, ids in zip(lists, PEOPLE, left_out, strict=True):
            single = model.recommend(model.fold_in(ratings), 5, ids)
            assert [r.item_id for r in output] == [r.item_id for r in single]
            for one, other in zip(output, single, strict=True):
                assert one.score == pytest.approx(other.score, abs=1e-6)
                assert one.predicted_rating == pytest.approx(other.predicted_rating, abs=1e-6)


def test_recommend_many_returns_nothing_for_no_users(store: ReleaseStore) -> None:
    publish_tiny(store)
    assert recommend_many(Model(store.read("20260101-000000-aaaa")), [], 5) == []
