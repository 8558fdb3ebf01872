"""Keys: looked up both ways, and stored in a release of format 3."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from recommender.catalogue import FIRST_KEYED_USER, CatalogueItem
from recommender.errors import ReleaseError
from recommender.keys import CatalogueKeys, Keys
from recommender.storage.release import Release, write_release
from recommender.storage.release_reader import read_release
from tests.support.releases import ITEMS, no_parity_sample, tiny_release

USERS = ["reader-2", "reader-1", "Ünal"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(TEXTS, unique=True))
def test_keys_find_each_id_and_key(keys: list[str]) -> None:
    built = Keys.build(7, keys)
    assert list(built) == keys
    assert [built.id_of(key) for key in keys] == list(range(7, 7 + len(keys)))
    assert [built.key_of(n) for n in range(7, 7 + len(keys))] == keys


@pytest.mark.parametrize("key", ["", "reader", "reader-10", "z", "\ud800"])
def test_keys_do_not_find_what_is_not_there(key: str) -> None:
    built = Keys.build(FIRST_KEYED_USER, USERS)
    assert built.id_of(key) is None
    assert Keys.build(1, ()).id_of(key) is None
    assert built.key_of(1) is None
    assert built.key_of(FIRST_KEYED_USER + 3) is None


def keyed_release() -> Release:
    release = tiny_release()
    keys = CatalogueKeys(Keys.build(FIRST_KEYED_USER, USERS), Keys.build(1, ["a", "b"]))
    catalogue = structs.replace(release.catalogue, keyed=True, plural="volumes", points=10.0)
    return replace(release, catalogue=catalogue, keys=keys)


def written(folder: Path) -> Path:
    release = keyed_release()
    items = [structs.replace(ITEMS[0], key="a", creators=("Ann", "Bob")), *ITEMS[1:]]
    write_release(folder / "r", release, items, no_parity_sample())
    return folder / "r"


def test_read_release_returns_keys_and_words(tmp_path: Path) -> None:
    folder = written(tmp_path)
    release = read_release(folder)
    assert json.loads((folder / "release.json").read_text())["format_version"] == 3
    assert release.keys
    assert list(release.keys.users) == USERS
    assert release.keys.items.id_of("b") == 2
    assert (release.catalogue.nouns, release.catalogue.points) == ("volumes", 10.0)
    first = next(release.items())
    assert isinstance(first, CatalogueItem)
    assert (first.key, first.creators) == ("a", ("Ann", "Bob"))


def test_read_release_rejects_keys_that_do_not_fit(tmp_path: Path) -> None:
    folder = written(tmp_path)
    text = (folder / "release.json").read_text()
    changed = json.loads(text)
    del changed["files"]["user_keys.npy"]
    (folder / "release.json").write_text(json.dumps(changed))
    with pytest.raises(ReleaseError, match=r"files does not list user_keys.npy"):
        read_release(folder)
    broken = Keys(1, np.zeros(3, np.uint8), np.array([0, 2, 2], np.int64), np.zeros(2, np.int32))
    release = replace(keyed_release(), keys=CatalogueKeys(broken, broken))
    write_release(tmp_path / "broken", release, ITEMS, no_parity_sample())
    with pytest.raises(ReleaseError, match=r"user_keys.npy: its starts or order do not fit"):
        read_release(tmp_path / "broken")
