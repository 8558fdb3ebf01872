"""Explanations: contributions that add up, and ranks equal to a recomputation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.explanations import contributions, explain
from recommender.fold_in import Ridge, fold_in_ranking, gram
from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import tiny_release

USERS = 100


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6))
def test_contributions_add_up_for_any_ratings(seed: int, ratings: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(30, rank))
    rated = factors[rng.choice(30, ratings, replace=False)]
    strengths = rng.uniform(-1, 1, ratings)
    fitted = (gram(factors), rated, strengths, 5.0, Ridge(0.1, 1.0, 0.5))
    parts = contributions(*fitted, factors[0])
    whole = fold_in_ranking(*fitted) @ factors[0]
    assert parts.sum() == pytest.approx(whole, rel=1e-9, abs=1e-12)
    assert np.all(parts[strengths <= 0] == 0)


def test_contributions_equal_a_value_computed_by_hand() -> None:
    # One factor, one rating of preference 1, alpha 1: A = 4 + 1 + 1 = 6, b = 2, x = 1/3.
    parts = contributions(
        np.array([[4.0]]), np.array([[1.0]]), np.array([1.0]), 1.0, Ridge(1.0), np.array([3.0])
    )
    assert parts == pytest.approx([1.0])


def test_explain_returns_none_for_an_unknown_item() -> None:
    assert explain(Model(tiny_release()), {1: 5.0}, 55) is None


def test_explain_skips_ratings_of_unknown_items() -> None:
    explained = explain(Model(tiny_release()), {1: 5.0, 999: 5.0}, 2)
    assert explained is not None
    assert list(explained.parts) == [1]


def test_explain_is_popularity_alone_without_ratings() -> None:
    explained = explain(Model(tiny_release()), {}, 1)
    assert explained is not None
    assert (explained.parts, explained.score) == ({}, explained.popularity)


def test_rank_is_the_position_in_the_list() -> None:
    model = Model(tiny_release())
    person = model.fold_in({13: 5.0, 2: 1.0})
    ranked = [r.item_id for r in model.recommend(person, 100, hidden=[8])]
    assert [model.rank(person, item, hidden=[8]) for item in ranked] == [1, 2, 3, 4, 5]
    assert model.rank(person, 13) is None
    assert model.rank(person, 8, hidden=[8]) is None
    assert model.rank(person, 999) is None


@pytest.fixture(scope="module")
def trained(trained_store: ReleaseStore) -> Model:
    return Model(trained_store.read(trained_store.current().version))


@pytest.fixture(scope="module")
def hundred(trained: Model) -> list[dict[int, float]]:
    """Ratings of a hundred users of MovieLens latest-small."""

    def people() -> Iterator[dict[int, float]]:
        for _, ratings in trained.release.parity_sample().users():
            yield ratings

    found = list(islice(people(), USERS))
    assert len(found) == USERS
    return found


def test_explanations_of_100_users_add_up_to_the_score(
    trained: Model, hundred: list[dict[int, float]]
) -> None:
    for ratings in hundred:
        person = trained.fold_in(ratings)
        for recommended in trained.recommend(person, 3):
            explained = explain(trained, ratings, recommended.item_id)
            assert explained is not None
            total = sum(explained.parts.values()) + explained.popularity
            assert total == pytest.approx(explained.score, rel=1e-12)
            # The list is scored in single precision.
            assert total == pytest.approx(recommended.score, rel=1e-5, abs=1e-6)


def test_rank_without_equals_a_recomputed_list_for_100_users(
    trained: Model, hundred: list[dict[int, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.recommend import service

    monkeypatch.setattr(service, "unavailable_ids", set)  # of the site's database
    for ratings in hundred:
        (first,) = trained.recommend(trained.fold_in(ratings), 1)
        explained = explain(trained, ratings, first.item_id)
        assert explained is not None
        main_reason = max(explained.parts, key=lambda item: explained.parts[item])
        rest = {item: stars for item, stars in ratings.items() if item != main_reason}
        everything = trained.recommend(trained.fold_in(rest), len(trained.items))
        place = [r.item_id for r in everything].index(first.item_id) + 1
        assert service.rank_without(trained, ratings, first.item_id, main_reason) == place
