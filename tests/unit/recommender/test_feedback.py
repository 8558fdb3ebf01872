"""Hours played in place of stars: preferences, a release without a rating model, its model."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from recommender.batch import recommend_many
from recommender.errors import ReleaseError
from recommender.explanations import explain
from recommender.feedback import Hours, Stars, feedback_of
from recommender.group_aggregation import recommend_group
from recommender.model import Model
from recommender.onboarding import next_question
from recommender.parity import check_parity
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import (
    GAMES,
    no_parity_sample,
    publish_tiny_games,
    tiny_games_release,
    tiny_release,
)

HOURS = {10: 100.0, 20: 0.0}


@pytest.fixture
def games() -> Model:
    return Model(tiny_games_release())


def test_hours_preference_is_logarithmic_and_1_for_an_unplayed_game() -> None:
    never, hour, more = Hours(0.1).preference(np.array([0.0, math.e - 1, math.e**2 - 1]))
    assert [never, hour, more] == pytest.approx([1.0, 1.1, 1.2])


def test_feedback_of_follows_the_catalogue() -> None:
    stars, hours = tiny_release(), tiny_games_release()
    assert feedback_of(stars.catalogue, stars.ranking) == Stars(2.0, 5.0)
    assert feedback_of(hours.catalogue, hours.ranking) == Hours(0.1)


def test_recommend_ranks_similar_games_first(games: Model) -> None:
    found = games.recommend(games.fold_in(HOURS), 3)
    assert [game.item_id for game in found][:2] == [30, 40]


def test_hours_have_no_predicted_rating(games: Model) -> None:
    person = games.fold_in(HOURS)
    assert {game.predicted_rating for game in games.recommend(person, 6)} == {None}
    assert games.estimate(person, [30]) == {}


def test_match_is_high_for_similar_games_and_low_for_others(games: Model) -> None:
    person = games.fold_in(HOURS)
    match = games.match(person, [30, 50, 99999])
    assert match.keys() == {30, 50}
    assert 0.9 < match[30] <= 1
    assert match[50] == 0
    listed = {game.item_id: game.match for game in games.recommend(person, 6)}
    assert listed[30] == pytest.approx(match[30])


def test_recommend_returns_the_most_owned_games_without_feedback(games: Model) -> None:
    found = games.recommend(games.fold_in({}), 3)
    assert [game.item_id for game in found] == [10, 50, 60]
    assert {game.match for game in found} == {0.0}


def test_recommend_many_equals_single_recommendations_for_hours(games: Model) -> None:
    people = [HOURS, {}, {50: 3.0}]
    assert recommend_many(games, people, 3) == [
        games.recommend(games.fold_in(hours), 3) for hours in people
    ]


def test_explain_weights_more_hours_higher() -> None:
    model = Model(tiny_games_release())
    because = explain(model, {10: 500.0, 20: 0.1}, 30)
    assert because is not None
    assert because.parts[10] > because.parts[20] > 0


def test_recommend_group_ranks_games_by_match(games: Model) -> None:
    best = recommend_group(games, [{10: 5.0}, {20: 2.0}], "average", 2)
    assert {item for item, *_ in best} == {30, 40}
    assert all(0 <= liking <= 1 for _, liking, each in best for liking in [*each])


def test_next_question_starts_with_a_widely_owned_game(games: Model) -> None:
    assert next_question(games, {}) == 10


@pytest.mark.parametrize(("hours", "asked"), [(1.9, 50), (2.0, 10)])
def test_next_question_leaves_out_games_that_owners_hardly_played(hours: float, asked: int) -> None:
    release = tiny_games_release()
    means = release.arrays.item_means.copy()
    means[0] = hours
    model = Model(replace(release, arrays=replace(release.arrays, item_means=means)))
    assert next_question(model, {}) == asked
    others = {10, 20, 30, 40, 50, 60, 70, 80} - {10}
    assert (next_question(model, {}, others) is None) == (asked != 10)


def test_next_question_asks_about_games_when_nobody_has_hours() -> None:
    release = tiny_games_release(mean_rating=0.0)
    arrays = replace(release.arrays, item_means=np.zeros(8, np.float32))
    assert next_question(Model(replace(release, arrays=arrays)), {}) == 10


def test_release_of_hours_is_read_back_unchanged(store: ReleaseStore) -> None:
    version = publish_tiny_games(store).version
    release = store.read(version)
    assert (release.rating, release.catalogue.feedback) == (None, "implicit")
    manifest = json.loads((store.folder / version / "release.json").read_text())
    assert manifest["rating"] == {"mean_rating": 12.0}
    assert check_parity(release).holds


def test_read_rejects_an_unknown_feedback_type(store: ReleaseStore) -> None:
    path = store.folder / publish_tiny_games(store).version / "release.json"
    path.write_text(path.read_text().replace('"implicit"', '"sideways"'))
    with pytest.raises(ReleaseError, match="feedback must be explicit or implicit, not 'sideways'"):
        store.read(path.parent.name)


def test_read_rejects_rating_factors_without_a_rating_model(store: ReleaseStore) -> None:
    stars = tiny_games_release(arrays=tiny_release().arrays)
    store.publish(stars, GAMES, no_parity_sample(rating_width=0))
    with pytest.raises(ReleaseError, match=r"rating_factors\.npy: float32 of shape \(8, 2\)"):
        store.read(stars.version)
