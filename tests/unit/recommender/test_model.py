"""The model of the tiny release, whose results can be computed by hand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from msgspec import structs

from recommender.batch import recommend_many
from recommender.errors import ReleaseError
from recommender.group_aggregation import recommend_group
from recommender.model import Model, Recommendation
from recommender.params import RankingParams
from recommender.parity import Parity, check_parity
from recommender.storage.release import ParitySample, Release
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import FITTED, ITEMS, tiny_release

SCI_FI, LOVE, NEVER_RATED = [1, 2, 3, 5], [8, 13, 21, 34], 55
POPULAR = [1, 8, 13, 2, 21, 3, 34, 5]  # by descending number of ratings
BETA = tiny_release().ranking.popularity_weight
VERSION = "20260101-000000-aaaa"


@pytest.fixture
def model() -> Model:
    return Model(tiny_release())


def best(model: Model, ratings: dict[int, float], n: int = 100, hidden: tuple = ()) -> list[int]:
    return [found.item_id for found in model.recommend(model.fold_in(ratings), n, hidden)]


def with_arrays(**arrays: np.ndarray) -> Model:
    release = tiny_release()
    return Model(replace(release, arrays=replace(release.arrays, **arrays)))


def test_recommend_returns_popular_items_without_ratings(model: Model):
    assert best(model, {}) == POPULAR


def test_estimate_is_the_item_mean_without_ratings(model: Model):
    assert model.estimate(model.fold_in({}), [1, 34]) == pytest.approx({1: 3.9, 34: 3.2})


@pytest.mark.parametrize(("liked", "others"), [(SCI_FI, LOVE), (LOVE, SCI_FI)])
def test_recommend_ranks_similar_items_first(model: Model, liked: list[int], others: list[int]):
    found = best(model, {liked[0]: 5.0})
    assert set(found[:3]) == set(liked[1:])
    assert set(found[3:]) == set(others)


def test_recommend_is_the_popular_list_after_only_a_dislike(model: Model):
    assert best(model, {8: 0.5}) == [i for i in POPULAR if i != 8]


def test_fold_in_and_scores_equal_values_computed_by_hand(model: Model):
    person = model.fold_in({1: 5.0})
    squares = np.square(np.linspace(1.0, 0.8, 8)[:4]).sum()
    taste = (1 + 5) * 1 / (squares + 5 * 1 + 0.1)  # s = 1, alpha = 5, lambda = 0.1, one like
    assert person.ranking_vector == pytest.approx([taste, 0])
    bias = (5.0 - 3.5 - 0.4) / (1 + 3)
    liking = (5.0 - 3.5 - 0.4 - bias) / (1 + 0.15)
    assert [person.bias, *person.rating_vector] == pytest.approx([bias, liking, 0])
    second = model.recommend(person, 1)[0]
    assert second.item_id == 2
    assert second.score == pytest.approx((1 - 0.2 / 7) * taste + BETA * np.log(1 + 10))
    assert second.predicted_rating == pytest.approx(3.5 + bias + 0.3 + liking)


@pytest.mark.parametrize("ratings", [{}, {1: 5.0}, {1: 5.0, 8: 0.5, 34: 2.0}], ids=len)
def test_recommend_returns_every_unrated_item(model: Model, ratings: dict[int, float]):
    assert set(best(model, ratings)) == {item.item_id for item in FITTED} - set(ratings)


def test_recommend_returns_estimates_and_descending_scores(model: Model):
    person = model.fold_in({2: 4.5, 21: 1.0})
    found = model.recommend(person, 100)
    assert {r.item_id: r.predicted_rating for r in found} == model.estimate(
        person, [r.item_id for r in found]
    )
    assert all(above.score >= below.score for above, below in pairwise(found))


def test_recommend_returns_plain_python_numbers(model: Model):
    """They must be serializable as JSON."""
    first: Recommendation = model.recommend(model.fold_in({}), 1)[0]
    assert [type(first.item_id), type(first.score), type(first.predicted_rating)] == [
        int,
        float,
        float,
    ]


def test_recommend_fills_the_places_of_hidden_items(model: Model):
    assert best(model, {}, 3, hidden=(8, 1, 8)) == [13, 2, 21]


def test_recommend_ignores_hidden_ids_that_are_unknown(model: Model):
    assert best(model, {}, hidden=(999, NEVER_RATED)) == POPULAR


@pytest.mark.parametrize(("n", "count"), [(0, 0), (3, 3), (7, 7), (8, 7), (100, 7)])
def test_recommend_returns_at_most_n_items(model: Model, n: int, count: int):
    assert len(best(model, {1: 5.0}, n)) == count


def test_recommend_is_independent_of_the_order_of_ratings(model: Model):
    assert best(model, {1: 5.0, 8: 1.0, 3: 3.0}) == best(model, {3: 3.0, 8: 1.0, 1: 5.0})


def test_fold_in_is_unchanged_after_changing_a_rating_and_back(model: Model):
    person = model.fold_in({1: 5.0, 8: 1.0})
    assert model.fold_in({1: 5.0, 8: 5.0}).ranking_vector.tolist() != person.ranking_vector.tolist()
    again = model.fold_in({1: 5.0, 8: 1.0})
    assert again.ranking_vector.tolist() == person.ranking_vector.tolist()
    assert again.rating_vector.tolist() == person.rating_vector.tolist()


def test_fold_in_ignores_unknown_ids(model: Model):
    alone, among = model.fold_in({1: 5.0}), model.fold_in({999: 0.5, 1: 5.0, NEVER_RATED: 3.0})
    assert among.ranking_vector.tolist() == alone.ranking_vector.tolist()
    assert (among.bias, among.rating_vector.tolist()) == (alone.bias, alone.rating_vector.tolist())
    assert best(model, {999: 5.0}) == POPULAR


def test_estimate_excludes_unknown_ids(model: Model):
    assert model.estimate(model.fold_in({1: 5.0}), [999, 8, NEVER_RATED]).keys() == {8}


def test_items_below_min_ratings_are_estimated_and_not_recommended():
    model = Model(tiny_release(ranking=RankingParams(rank=2, min_ratings=10)))
    assert best(model, {}) == [1, 8, 13, 2]
    assert best(model, {3: 5.0})[0] == 1
    assert model.estimate(model.fold_in({}), [5]).keys() == {5}


@pytest.mark.parametrize(("bias", "stars"), [(9, 5.0), (-9, 0.5)], ids=["above", "below"])
def test_estimates_stay_within_the_scale(bias: float, stars: float):
    model = with_arrays(item_bias=np.full(8, bias, dtype=np.float32))
    person = model.fold_in({})
    assert set(model.estimate(person, [1, 8]).values()) == {stars}
    assert model.recommend(person, 1)[0].predicted_rating == stars


def sampled(store: ReleaseStore, **changes: np.ndarray) -> Release:
    """Return a release with a sample of two users, with the given changes."""
    model = Model(tiny_release())
    people = [model.fold_in(ratings) for ratings in ({1: 5.0, 8: 0.5}, {13: 4.0})]
    honest = ParitySample(
        user_ids=np.array([3, 7]),
        starts=np.array([0, 2, 3]),
        item_ids=np.array([1, 8, 13]),
        ratings=np.array([5.0, 0.5, 4.0], np.float32),
        ranking_vectors=np.array([p.ranking_vector for p in people], np.float32),
        rating_vectors=np.array([p.rating_vector for p in people], np.float32),
    )
    changed = {name: change(getattr(honest, name)) for name, change in changes.items()}
    return store.publish(tiny_release(VERSION), ITEMS, replace(honest, **changed))


def test_parity_holds_when_fold_in_equals_training(store: ReleaseStore):
    parity = check_parity(sampled(store))
    assert parity.holds
    assert parity.users == 2
    assert max(parity.ranking, parity.rating) < 1e-6


@pytest.mark.parametrize("kind", ["ranking", "rating"])
def test_parity_fails_and_states_the_difference_when_a_vector_is_changed(
    store: ReleaseStore, kind: str
):
    change = np.array([[0, 0], [0, 0.01]], np.float32)
    parity = check_parity(sampled(store, **{f"{kind}_vectors": lambda v: v + change}))
    assert not parity.holds
    other = {"ranking": "rating", "rating": "ranking"}[kind]
    assert getattr(parity, kind) == pytest.approx(0.01, rel=1e-3)
    assert getattr(parity, other) < 1e-6


@pytest.mark.parametrize("kind", ["ranking_vectors", "rating_vectors"])
def test_parity_fails_when_a_vector_is_nan(store: ReleaseStore, kind: str):
    assert not check_parity(sampled(store, **{kind: lambda v: v * np.float32(np.nan)})).holds


def test_parity_fails_when_ratings_are_changed(store: ReleaseStore):
    assert not check_parity(sampled(store, ratings=lambda r: r[::-1])).holds


@pytest.mark.parametrize(
    "changes",
    [
        {"ranking_vectors": lambda v: v[:, :1]},
        {"rating_vectors": lambda v: v[:1]},
        {"starts": lambda s: s[:-1]},
        {"starts": lambda s: s * 2},
        {"starts": lambda s: s + np.array([1, 0, 0])},
        {"starts": lambda s: s + np.array([0, 2, 0])},
    ],
    ids=[
        *("other_rank", "a_vector_too_few", "a_start_too_few"),
        *("beyond_the_ratings", "a_rating_of_nobody", "falling_starts"),
    ],
)
def test_check_parity_rejects_an_inconsistent_sample(store: ReleaseStore, changes: dict):
    with pytest.raises(ReleaseError, match=r"parity\.npz: .*again"):
        check_parity(sampled(store, **changes))


@pytest.mark.parametrize(
    ("ranking", "rating", "holds"), [(1e-4, 1e-4, True), (2e-4, 0, False), (0, 2e-4, False)]
)
def test_parity_tolerates_a_difference_of_1e_4(ranking: float, rating: float, holds: bool):
    assert Parity(1, ranking, rating).holds is holds


def test_lists_hold_what_a_person_has_when_the_catalogue_recommends_again() -> None:
    release = tiny_release()
    again = structs.replace(release.catalogue, recommend_again=True)
    model, first = Model(replace(release, catalogue=again)), FITTED[0].item_id
    person = model.fold_in({first: 5.0})
    listed = [found.item_id for found in model.recommend(person, 8)]
    assert listed[0] == first
    assert model.rank(person, first) == 1
    assert [row.item_id for row in recommend_many(model, [{first: 5.0}], 8, [[]])[0]] == listed
    together = recommend_group(model, [{first: 5.0}], "average", 8)
    assert first in [item for item, _, _ in together]
    assert first not in [found.item_id for found in model.recommend(person, 8, hidden=[first])]
