"""Items that came after training, folded in and served beside those of the release."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.added_items import PASSED_OVER, AddedItems
from recommender.catalogue import FIRST_KEYED_USER
from recommender.errors import ReleaseError
from recommender.explanations import explain
from recommender.group_aggregation import recommend_group
from recommender.item_metadata import Filter
from recommender.item_similarity import similar_items
from recommender.model import Model
from recommender.new_items import Given, NewItem, fold_in_new_items
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import ITEMS, no_parity_sample, tiny_release, with_neighbours

NEW_SPACE, NEW_LOVE = FIRST_KEYED_USER, FIRST_KEYED_USER + 1
SPACE_FANS = {user: {1: 5.0, 2: 5.0, 3: 4.5, NEW_SPACE: 5.0} for user in range(100, 106)}


@pytest.fixture
def model(tmp_path) -> Model:
    return served(tmp_path, tiny_release())


def served(folder, release: Release) -> Model:
    return Model(ReleaseStore(folder).publish(release, ITEMS, no_parity_sample()))


def added_to(model: Model, people=SPACE_FANS, since: int = 100) -> AddedItems:
    items = [
        NewItem(NEW_LOVE, 2026, ("Romance",), (), since=since),
        NewItem(NEW_SPACE, 2025, ("Sci-Fi", "Western"), (), len(people), 5.0, since),
    ]
    users = np.array([*people], np.int64)
    given = Given(users, np.full(len(users), NEW_SPACE), np.full(len(users), 5.0))
    return fold_in_new_items(model, items, given, lambda _: people)


def with_nothing(model: Model) -> AddedItems:
    nothing = np.empty(0, np.int64)
    return fold_in_new_items(model, [], Given(nothing, nothing, nothing), lambda _: {})


def test_a_new_item_without_raters_is_what_its_genres_let_expect(model: Model):
    added = added_to(model, {})
    np.testing.assert_allclose(added.ranking_factors, [[0.6, 0.0], [0.0, 0.6]], atol=1e-3)
    np.testing.assert_allclose(added.item_bias, [0.1, 0.0], atol=1e-6)
    assert added.counts.tolist() == [0, 0]


def test_a_new_item_is_listed_for_people_like_its_raters_and_not_for_others(model: Model):
    with_new = model.with_added(added_to(model))
    for ratings, listed in (({5: 5.0}, True), ({13: 5.0}, False)):
        first = with_new.recommend(with_new.fold_in(ratings), 2)
        assert (NEW_SPACE in [r.item_id for r in first]) is listed
    everything = with_new.recommend(with_new.fold_in({5: 5.0}), 99)
    assert NEW_LOVE not in [r.item_id for r in everything]  # nobody has rated it


def test_the_list_with_new_items_is_ordered_by_the_scores_of_all(model: Model):
    with_new = model.with_added(added_to(model))
    person = with_new.fold_in({5: 5.0, 13: 2.0})
    listed = with_new.recommend(person, 99)
    scores = dict(zip(with_new.items.index.item_ids.tolist(), with_new.scores(person), strict=True))
    assert [r.score for r in listed] == sorted((r.score for r in listed), reverse=True)
    assert {r.item_id: r.score for r in listed} == pytest.approx(
        {i: s for i, s in scores.items() if i not in (5, 13) and np.isfinite(s)}
    )
    assert [with_new.rank(person, r.item_id) for r in listed] == list(range(1, len(listed) + 1))


def test_a_rating_of_a_new_item_counts_and_is_explained(model: Model):
    with_new = model.with_added(added_to(model))
    ratings = {NEW_SPACE: 5.0, 2: 4.0}
    person = with_new.fold_in(ratings)
    explained = explain(with_new, ratings, 1)
    assert explained.parts[NEW_SPACE] > 0
    assert explained.score == pytest.approx(
        next(r.score for r in with_new.recommend(person, 99) if r.item_id == 1)
    )
    of_new = explain(with_new, {2: 4.0}, NEW_SPACE)
    assert of_new.score == pytest.approx(
        with_new.recommend(with_new.fold_in({2: 4.0}), 99, wanted=Filter(year_from=2025))[0].score
    )


def test_filters_stars_similar_and_groups_know_new_items(model: Model):
    with_new = model.with_added(added_to(model))
    person = with_new.fold_in({2: 5.0})
    western = with_new.recommend(person, 9, wanted=Filter(include=frozenset({"Western"})))
    assert [r.item_id for r in western] == [NEW_SPACE]
    assert with_new.estimate(person, [NEW_SPACE])[NEW_SPACE] > 3.5
    assert NEW_SPACE in similar_items(with_new, 3, 4)
    assert set(similar_items(with_new, NEW_SPACE, 4)) == {1, 2, 3, 5}
    group = recommend_group(with_new, [{2: 5.0}, {3: 5.0}], "average", 20)
    assert NEW_SPACE in [item_id for item_id, *_ in group]


def test_popularity_of_a_new_item_is_its_share_of_what_was_rated_since_it_came(model: Model):
    early, late = added_to(model, since=PASSED_OVER), added_to(model, since=0)
    row = late.item_ids.tolist().index(NEW_SPACE)
    assert late.popularity_counts[row] == pytest.approx(6 / PASSED_OVER * 88)
    assert early.popularity_counts[row] == pytest.approx(late.popularity_counts[row] / 2)


def test_the_neighbourhood_of_new_items_adds_to_scores_and_to_explanations(tmp_path):
    model = served(tmp_path, with_neighbours(tiny_release(), weight=2.0))
    plain = served(tmp_path / "plain", tiny_release())
    added, without = added_to(model), added_to(plain)
    assert added.source_rows.tolist() == [0, 1]  # of what its raters have rated, the best two
    assert not len(without.source_rows)
    with_new, ratings = model.with_added(added), {2: 5.0, 13: 2.0}
    person = with_new.fold_in(ratings)
    assert person.neighbour_scores[8 + added.item_ids.tolist().index(NEW_SPACE)] > 0
    explained = explain(with_new, ratings, NEW_SPACE)
    scores = dict(zip(with_new.items.index.item_ids.tolist(), with_new.scores(person), strict=True))
    assert explained.score == pytest.approx(scores[NEW_SPACE], rel=1e-3)
    assert scores[1] == pytest.approx(model.scores(model.fold_in(ratings))[0])


def test_the_model_without_new_items_is_the_one_before(model: Model):
    before = model.recommend(model.fold_in({5: 5.0}), 9)
    again = model.with_added(added_to(model)).with_added(with_nothing(model))
    assert again.recommend(again.fold_in({5: 5.0}), 9) == before


def test_a_release_of_before_folds_no_items_in(tmp_path):
    old = served(tmp_path, tiny_release(item_prior=None, user_gram=None))
    with pytest.raises(ReleaseError, match="older than the folding in of new titles; train again"):
        added_to(old)
