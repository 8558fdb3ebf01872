"""Filters, the popular–obscure slider, and the text that describes active filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app.home.list_filters import ListFilters
from recommender.item_metadata import Filter
from recommender.model import Model
from recommender.popularity import BANDS, vote_weighted, within_band
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import publish_tiny

GENRES = ["Adventure", "Comedy", "Romance", "Sci-Fi"]


@pytest.fixture
def model(store: ReleaseStore) -> Model:
    publish_tiny(store)
    return Model(store.read(store.current().version))


def ids(model: Model, wanted: Filter, n: int = 100, **more: int) -> list[int]:
    return [r.item_id for r in model.recommend(model.fold_in({}), n, wanted=wanted, **more)]


def test_item_metadata_has_genres_and_years(model: Model) -> None:
    assert model.items.metadata.genres == GENRES
    assert model.items.metadata.years.tolist() == [1979, 1984, 1999, 2004, 2001, 1995, 0, 2010]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), {1, 2, 3, 5, 8, 13, 21, 34}),
        (Filter(include=frozenset({"Romance"})), {8, 13, 21}),
        (Filter(include=frozenset({"Romance", "Adventure"})), {2, 8, 13, 21}),
        (Filter(exclude=frozenset({"Sci-Fi"})), {8, 13, 21, 34}),
        (Filter(frozenset({"Romance"}), frozenset({"Comedy"})), {13, 21}),
        (Filter(year_from=1995, year_to=2001), {3, 8, 13}),
        (Filter(year_from=2004), {5, 34}),
        (Filter(year_to=1984), {1, 2}),
        (Filter(include=frozenset({"Western"})), set()),
    ],
)
def test_filter_keeps_the_qualifying_items(
    model: Model, wanted: Filter, expected: set[int]
) -> None:
    assert set(ids(model, wanted)) == expected


@given(
    st.sets(st.sampled_from(GENRES)),
    st.sets(st.sampled_from(GENRES)),
    st.integers(1970, 2015),
    st.integers(0, 9),
)
def test_recommend_returns_n_qualifying_items_or_all_of_them(
    include: set[str], exclude: set[str], year: int, n: int
) -> None:
    model = _tiny()
    wanted = Filter(frozenset(include), frozenset(exclude), year_from=year)
    qualified = int(model.items.metadata.qualified(wanted).sum())
    shown = model.recommend(model.fold_in({1: 5.0}), n, hidden=[2], wanted=wanted)
    out = sum(
        model.items.metadata.qualified(wanted)[row]
        for row in model.items.index.known_rows([1, 2]).tolist()
    )
    assert len(shown) == min(n, qualified - out)
    for recommended in shown:
        (row,) = model.items.index.known_rows([recommended.item_id])
        has = {g for g, there in zip(GENRES, model.items.metadata.has[row], strict=True) if there}
        assert not has & exclude


def _tiny() -> Model:
    """Return one cached model for all examples, because creating it writes files."""
    import tempfile

    global _MODEL
    if _MODEL is None:
        store = ReleaseStore(tempfile.mkdtemp())
        publish_tiny(store)
        _MODEL = Model(store.read(store.current().version))
    return _MODEL


_MODEL: Model | None = None


def test_within_band_splits_items_by_share_of_all_ratings() -> None:
    counts = np.array([10, 50, 30, 10])
    assert within_band(counts, 2).tolist() == [False, True, False, False]
    assert within_band(counts, 1).tolist() == [False, True, True, False]
    assert within_band(counts, 0).all()
    assert within_band(counts, -1).tolist() == [True, False, True, True]
    assert within_band(counts, -2).tolist() == [True, False, False, True]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_within_band_maximum_falls_towards_obscure(counts: list[int]) -> None:
    array = np.array(counts)
    bounds = [array[within_band(array, known)].max(initial=0) for known in sorted(BANDS)]
    assert bounds == sorted(bounds)
    assert within_band(array, 0).all()


def test_within_band_treats_unrated_items_as_obscure() -> None:
    assert within_band(np.zeros(3, np.int64), -1).tolist() == [False] * 3
    assert within_band(np.array([5, 0]), -2).tolist() == [False, True]


def test_vote_weighted_equals_a_mean_computed_by_hand() -> None:
    assert vote_weighted(5.0, 25, 3.0) == 4.0
    assert vote_weighted(5.0, 0, 3.0) == 3.0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ([], ""),
        ([("genre", "Comedy"), ("not", "Sci-Fi")], "comedy, not sci-fi"),
        ([("genre", "Comedy"), ("genre", "Romance")], "comedy or romance"),
        ([("from", "1970"), ("to", "1999"), ("known", "-1")], "1970–1999, less known"),
        ([("from", "1999"), ("to", "1970")], "1970–1999"),
        ([("from", "1999"), ("to", "1999")], "1999"),
        ([("from", "1999")], "from 1999"),
        ([("to", "1999"), ("known", "2")], "until 1999, well known"),
        ([("years", "1")], "by your ratings of the last year"),
        ([("years", "3")], "by your ratings of the last 3 years"),
        ([("genre", "Comedy"), ("not", "Comedy")], "not comedy"),
        ([("genre", "Nonsense"), ("from", "x"), ("known", "much"), ("years", "-")], ""),
        ([("known", "99")], "well known"),
        ([("from", "9" * 5000)], ""),
    ],
)
def test_list_filters_are_described_in_words(query: list[tuple[str, str]], words: str) -> None:
    steering = ListFilters.of(MultiDict(query), GENRES)
    assert steering.in_words == words
    again = [(k, str(v)) for k, vs in steering.as_args.items() for v in _each(vs)]
    assert ListFilters.of(MultiDict(again), GENRES) == steering


def _each(values: object) -> list[object]:
    return values if isinstance(values, list) else [values]
