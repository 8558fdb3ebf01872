"""Jobs that name no data take that of the release in service."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recommender.errors import DataError
from recommender.storage.release_store import ReleaseStore
from spark_jobs.data_in_service import check_is_in_service, take_data_in_service
from tests.support.releases import ITEMS, no_parity_sample, tiny_release


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def promote(store: ReleaseStore, *inputs: dict[str, Any]) -> None:
    release = replace(tiny_release(), inputs=list(inputs))
    store.promote(store.publish(release, ITEMS, no_parity_sample()).version)


def taken(store: ReleaseStore, **options: Any) -> Namespace:
    given = Namespace(**{"data": None, "config": None, "releases": str(store.folder), **options})
    take_data_in_service(given)
    return given


def test_folders_with_titles_are_taken_and_said(
    store: ReleaseStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path)
    promote(store, {"path": folder, "titles": 9}, {"path": "exported", "titles": 0})
    assert taken(store).data == [folder]
    assert f"The data of release {tiny_release().version}: {folder}" in capsys.readouterr().err


def test_description_of_a_catalogue_of_ones_own_is_taken(
    store: ReleaseStore, tmp_path: Path
) -> None:
    described = tmp_path / "books.yaml"
    described.touch()
    promote(store, {"path": str(described), "titles": 9})
    options = taken(store)
    assert (options.config, options.data) == (str(described), None)


def test_data_that_is_named_stays(store: ReleaseStore, tmp_path: Path) -> None:
    promote(store, {"path": str(tmp_path), "titles": 9})
    assert taken(store, data=["other"]).data == ["other"]
    described = tmp_path / "books.yaml"
    described.write_text("catalogue: {name: Books}\n")
    assert taken(store, config=str(described)).data is None
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text("seed: 2\n")
    assert taken(store, config=str(parameters)).data == [str(tmp_path)]


def test_data_that_is_gone_is_refused_with_the_way_out(store: ReleaseStore) -> None:
    promote(store, {"path": "/nowhere/ml-25m", "titles": 9})
    with pytest.raises(DataError, match=r"/nowhere/ml-25m: not there; .*give DATA=folder"):
        taken(store)


@pytest.mark.parametrize("inputs", [[], [{"path": "from before", "rows": 9}]])
def test_nothing_is_taken_from_a_release_that_does_not_say(
    store: ReleaseStore, inputs: list[dict[str, Any]]
) -> None:
    promote(store, *inputs)
    assert taken(store).data is None


def test_nothing_is_taken_before_the_first_release(store: ReleaseStore) -> None:
    assert taken(store).data is None
    store.folder.mkdir()
    assert taken(store).data is None


# make run CONFIG=


BOOKS = """
catalogue: {name: Library, noun: book, feedback: explicit, scale: {max: 10}}
ratings: {path: a.csv, columns: {user: u, item: i, value: v}}
items: {path: b.csv, columns: {item: i, title: t}}
"""


def described(folder: Path, text: str = BOOKS) -> str:
    path = folder / "library.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_config_of_other_data_than_in_service_is_refused(
    store: ReleaseStore, tmp_path: Path
) -> None:
    promote(store, {"path": "data/ml-latest-small", "titles": 9})
    config = described(tmp_path)
    with pytest.raises(DataError) as refused:
        check_is_in_service(config, store)
    message = str(refused.value)
    assert "describes 'Library', and release" in message
    assert "(data/ml-latest-small); give this catalogue its own RELEASES=folder" in message
    assert f"`make train CONFIG={config}`" in message


def test_config_that_was_trained_is_accepted_by_path_or_name(
    store: ReleaseStore, tmp_path: Path
) -> None:
    config = described(tmp_path)
    check_is_in_service(config, store)  # there is no release
    promote(store, {"path": config, "titles": 9})
    check_is_in_service(config, store)
    elsewhere = described(tmp_path, BOOKS.replace("a.csv", "c.csv"))
    check_is_in_service(elsewhere, store)
    about = tiny_release().catalogue
    same = BOOKS.replace("Library", about.name).replace("book", about.noun)
    (tmp_path / "moved").mkdir()
    check_is_in_service(described(tmp_path / "moved", same), store)


def test_config_without_a_description_is_not_compared(store: ReleaseStore, tmp_path: Path) -> None:
    promote(store, {"path": "data/ml-latest-small", "titles": 9})
    check_is_in_service(described(tmp_path, "seed: 2"), store)
