"""The neighbourhood in serving: scores, lists, explanations and the release that holds it."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.batch import recommend_many
from recommender.errors import ReleaseError
from recommender.explanations import explain
from recommender.model import Model
from recommender.params import WATCHED
from recommender.parity import check_parity
from recommender.storage.release import NeighbourArrays, Release
from recommender.storage.release_reader import read_release
from recommender.storage.release_store import ReleaseStore
from recommender.top_n import top_n
from tests.support.releases import (
    ITEMS,
    SAMPLE,
    WEIGHTS,
    by_source,
    change,
    large_release,
    no_parity_sample,
    signed,
    tiny_games_release,
    tiny_release,
    with_neighbours,
)

FORMAT_1 = Path(__file__).parent / "formats" / "format_1"
PEOPLE = [{1: 5.0, 2: 4.5}, {}, {13: 0.5}, {999: 5.0}, {8: 4.0, 1: 1.0, 2: 3.5, 55: 2.0}]


def sums(weights: np.ndarray, ratings: dict[int, float], model: Model) -> np.ndarray:
    """``Σ s_i·B[i, j]`` by a dense product."""
    rows, values = model.known_ratings(ratings)
    preferences = np.zeros(len(weights))
    preferences[rows] = model.feedback.preference(values)
    return preferences @ weights


def without(release: Release) -> Model:
    return Model(replace(release, neighbourhood=None, neighbours=None))


@pytest.mark.parametrize("ratings", PEOPLE)
def test_scores_add_the_preferences_times_weights(ratings: dict[int, float]) -> None:
    release = with_neighbours(tiny_release(), weight=2.0)
    model, plain = Model(release), without(release)
    added = model.scores(model.fold_in(ratings)) - plain.scores(plain.fold_in(ratings))
    np.testing.assert_allclose(added, 2 * sums(WEIGHTS, ratings, model), atol=1e-12)


def test_a_dislike_takes_from_the_scores_of_neighbours() -> None:
    model = Model(with_neighbours(tiny_release()))
    person = model.fold_in({1: 0.5})
    assert person.neighbour_scores is not None
    assert person.neighbour_scores[1] == pytest.approx(0.5 * (0.5 - 2) / 3)


def test_each_rating_counts_as_1_where_the_objective_is_watched() -> None:
    model = Model(with_neighbours(tiny_release(), objective=WATCHED))
    person = model.fold_in({1: 0.5, 2: 5.0})
    assert person.neighbour_scores is not None
    np.testing.assert_allclose(person.neighbour_scores, WEIGHTS[0] + WEIGHTS[1])


def test_order_of_ratings_changes_no_score() -> None:
    release, _ = large_release(300, 4)
    weights = np.random.default_rng(1).normal(0, 0.1, (300, 300))
    model = Model(replace(with_neighbours(release), neighbours=by_source(weights)))
    ratings = {item: 0.5 * (item % 10) + 0.5 for item in range(1, 60)}
    there, back = (model.fold_in(dict(x)) for x in (ratings.items(), [*ratings.items()][::-1]))
    assert there.neighbour_scores is not None
    assert back.neighbour_scores is not None
    assert there.neighbour_scores.tolist() == back.neighbour_scores.tolist()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 8.0]), st.integers(0, 40))
def test_lists_and_ranks_equal_full_scoring(seed: int, weight: float, rated: int) -> None:
    random = np.random.default_rng(seed)
    items = 1500
    release, _ = large_release(items, 4)
    weights = np.where(random.random((items, items)) < 0.02, random.normal(0, 0.2), 0.0)
    model = Model(replace(with_neighbours(release, weight=weight), neighbours=by_source(weights)))
    chosen = random.choice(items, rated, replace=False) + 1
    person = model.fold_in({int(item): float(random.integers(1, 11)) / 2 for item in chosen})
    expected = top_n(model.scores(person), 50, person.rated_rows)
    found = model.recommend(person, 50)
    assert [r.item_id for r in found] == model.items.index.item_ids[expected].tolist()
    assert [r.score for r in found] == model.scores(person)[expected].tolist()
    for place in (1, 10, 50):
        assert model.rank(person, found[place - 1].item_id) == place


@pytest.mark.parametrize("ratings", PEOPLE)
def test_explanations_add_both_parts_of_each_rating(ratings: dict[int, float]) -> None:
    release = with_neighbours(tiny_release(), weight=2.0)
    model, plain = Model(release), without(release)
    scores = model.scores(model.fold_in(ratings))
    for item_id in model.items.index.item_ids.tolist():
        explained, factors = explain(model, ratings, item_id), explain(plain, ratings, item_id)
        assert explained is not None
        assert factors is not None
        (row,) = model.items.index.rows([item_id])
        assert sum(explained.parts.values()) + explained.popularity == pytest.approx(scores[row])
        for rated, part in explained.parts.items():
            (source,) = model.items.index.rows([rated])
            preference = model.feedback.preference(ratings[rated])
            neighbour = part - factors.parts[rated]
            assert neighbour == pytest.approx(2 * preference * WEIGHTS[source, row], abs=1e-12)


def test_many_people_at_once_get_the_lists_of_each_alone() -> None:
    model = Model(with_neighbours(tiny_release(), weight=3.0))
    together = recommend_many(model, PEOPLE, 5)
    for ratings, found in zip(PEOPLE, together, strict=True):
        alone = model.recommend(model.fold_in(ratings), 5)
        assert [r.item_id for r in found] == [r.item_id for r in alone]
        assert [r.score for r in found] == pytest.approx([r.score for r in alone], rel=1e-9)


def test_match_counts_both_parts() -> None:
    release = with_neighbours(tiny_games_release())
    model, hours = Model(release), {10: 50.0, 50: 1.0}
    person = model.fold_in(hours)
    fit = release.arrays.ranking_factors @ person.ranking_vector + sums(WEIGHTS, hours, model)
    expected = (fit / fit[person.rated_rows].mean()).clip(0, 1)
    np.testing.assert_allclose(model.match_rows(person, np.arange(8)), expected)


# --- releases ---


def test_read_release_returns_the_neighbourhood_as_written(store: ReleaseStore) -> None:
    written = with_neighbours(tiny_release())
    read = store.publish(written, ITEMS, no_parity_sample())
    read = store.read(read.version)
    assert read.neighbourhood == written.neighbourhood
    assert read.neighbours is not None
    for field in fields(NeighbourArrays):
        there, back = getattr(written.neighbours, field.name), getattr(read.neighbours, field.name)
        assert back.dtype == there.dtype
        assert isinstance(back, np.memmap)
        np.testing.assert_array_equal(back, there)


def test_releases_of_format_1_are_served_as_they_were() -> None:
    release = read_release(FORMAT_1)
    assert (release.neighbourhood, release.neighbours) == (None, None)
    model = Model(release)
    found = model.recommend(model.fold_in({1: 5.0, 2: 4.5, 8: 1.0}), 3)
    assert [(r.item_id, round(r.score, 6)) for r in found] == [
        *((3, 0.833609), (5, 0.804959), (13, 0.025649)),
    ]
    parity = check_parity(release)
    assert (parity.users, parity.holds) == (3, True)


@pytest.fixture
def folder(store: ReleaseStore) -> Path:
    release = store.publish(with_neighbours(tiny_release()), ITEMS, no_parity_sample())
    assert release.folder
    return release.folder


def packed(array: np.ndarray, folder: Path) -> bytes:
    np.save(folder.parent / "x.npy", array)
    return (folder.parent / "x.npy").read_bytes()


GOOD = by_source(WEIGHTS)
BAD = {
    "rows beyond the items": ("neighbour_rows", GOOD.neighbour_rows + 5),
    "negative rows": ("neighbour_rows", GOOD.neighbour_rows - 2),
    "rows that fall": ("neighbour_rows", GOOD.neighbour_rows[[1, 0, 2, 3, 4]]),
    "too few rows": ("neighbour_rows", GOOD.neighbour_rows[:-1]),
    "wide rows": ("neighbour_rows", GOOD.neighbour_rows.astype(np.int64)),
    "starts that fall": ("neighbour_starts", GOOD.neighbour_starts[::-1].copy()),
    "starts beyond the weights": ("neighbour_starts", GOOD.neighbour_starts + 1),
    "too few starts": ("neighbour_starts", GOOD.neighbour_starts[1:]),
    "weights that are no numbers": (
        "neighbour_weights",
        GOOD.neighbour_weights * np.float16("nan"),
    ),
}


@pytest.mark.parametrize(("name", "array"), BAD.values(), ids=BAD)
def test_read_release_rejects_an_invalid_neighbourhood(
    folder: Path, name: str, array: np.ndarray
) -> None:
    signed(folder, f"{name}.npy", packed(array, folder))
    with pytest.raises(ReleaseError, match=r"neighbour_\w+\.npy: .* again"):
        read_release(folder)


def test_read_release_rejects_a_manifest_that_does_not_list_the_neighbours(folder: Path) -> None:
    manifest = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    del manifest["files"]["neighbour_rows.npy"]
    (folder / "release.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"files does not list neighbour_rows\.npy"):
        read_release(folder)


def test_read_release_names_an_unknown_parameter_of_the_neighbourhood(folder: Path) -> None:
    change(folder, "neighbourhood", {"depth": 2})
    with pytest.raises(ReleaseError, match="neighbourhood: unknown parameter 'depth'"):
        read_release(folder)


def test_format_1_with_a_newer_parameter_is_rejected(tmp_path: Path) -> None:
    copy = shutil.copytree(FORMAT_1, tmp_path / "release")
    change(copy, "ranking", {"depth": 2})
    with pytest.raises(ReleaseError, match="ranking: unknown parameter 'depth'"):
        read_release(copy)


def test_parity_compares_what_the_neighbourhood_adds(store: ReleaseStore) -> None:
    release = with_neighbours(tiny_release(), weight=2.0)
    model, ratings = Model(release), {1: 5.0, 8: 0.5}
    person = model.fold_in(ratings)
    honest = replace(
        SAMPLE,
        ranking_vectors=person.ranking_vector[None].astype(np.float32),
        rating_vectors=person.rating_vector[None].astype(np.float32),
        probe_ids=np.array([1, 13]),
        neighbour_sums=sums(WEIGHTS, ratings, model)[None, [0, 5]].astype(np.float32),
    )
    read = store.publish(release, ITEMS, honest)
    assert check_parity(read).holds
    wrong = replace(honest, neighbour_sums=honest.neighbour_sums + np.float32([[0, 0.01]]))
    parity = check_parity(store.publish(replace(release, version="later"), ITEMS, wrong))
    assert parity.neighbourhood == pytest.approx(0.02, rel=1e-3)
    assert not parity.holds
    assert parity.ranking < 1e-6
