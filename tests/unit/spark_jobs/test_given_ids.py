"""Nobody's ratings become those of another person with the same id."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommender.errors import DataError
from recommender.storage.release_store import ReleaseStore
from spark_jobs.given_ids import check_people
from tests.support.releases import publish_tiny, tiny_release

LAST = tiny_release().catalogue.max_user_id


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    store = ReleaseStore(tmp_path / "releases")
    publish_tiny(store)
    return store


def data_of(*users: int) -> Any:
    """A data set with ratings by these users."""
    arrays = SimpleNamespace(users=np.array(users, np.int32))
    ratings = SimpleNamespace(map=lambda function: iter([function(arrays)]))
    return SimpleNamespace(path="data", keys=None, ratings=ratings)


def test_person_of_other_data_has_the_id_of_someone_who_signed_up(store: ReleaseStore) -> None:
    other, exported = data_of(1, LAST + 50), data_of(1, LAST + 1)
    with pytest.raises(DataError, match=f"user {LAST + 1} signed up .* has people up to"):
        check_people([other, exported], 1, store.in_service())


@pytest.mark.parametrize(
    ("data", "exported"),
    [
        ([1, LAST], [1, LAST, LAST + 1]),  # the same data, and someone who signed up
        ([1, LAST + 50], [1, LAST, LAST + 51]),
        ([1, LAST + 50], []),
    ],
)
def test_people_of_the_data_and_of_the_site_differ(
    store: ReleaseStore, data: list[int], exported: list[int]
) -> None:
    check_people([data_of(*data), data_of(*exported)], 1, store.in_service())


def test_nobody_can_have_signed_up_before_the_first_release(tmp_path: Path) -> None:
    check_people([data_of(1, 99), data_of(50)], 1, ReleaseStore(tmp_path / "none").in_service())
