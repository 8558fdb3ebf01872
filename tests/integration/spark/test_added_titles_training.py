"""Training takes titles that were added at the site into its catalogue, under the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recommender.catalogue import FIRST_ADDED_ITEM
from recommender.storage.release_store import ReleaseStore
from spark_jobs import train
from spark_jobs.datasets.movielens import read_exported
from tests.support.datasets import QUICK, RATINGS_HEADER, write_files, write_two_tastes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RATED, UNRATED = FIRST_ADDED_ITEM, FIRST_ADDED_ITEM + 7
TITLES = [
    {"item_id": RATED, "title": "Anora", "year": 2024, "genres": ["Drama"], "tmdb_id": 1064213},
    {"item_id": UNRATED, "title": "Nobody's", "creators": ["Someone"]},
]


def exported(folder: Path, titles: str) -> Path:
    lines = [f"{user},{RATED},4.5,{user}" for user in range(900, 906)]
    ratings = RATINGS_HEADER + "".join(f"{line}\n" for line in lines)
    return write_files(folder, {"ratings.csv": ratings, "titles.jsonl": titles})


def as_lines(titles: list[dict[str, object]]) -> str:
    return "".join(f"{json.dumps(title)}\n" for title in titles)


def test_train_takes_added_titles_under_the_same_ids(spark: SparkSession, tmp_path: Path) -> None:
    data = write_two_tastes(tmp_path / "data")
    folder = exported(tmp_path / "exported", as_lines(TITLES))
    options = ["--data", str(data), "--releases", str(tmp_path / "releases"), *QUICK]
    assert train.main([*options, "--ratings", str(folder)]) == 0
    store = ReleaseStore(tmp_path / "releases")
    release = store.read(store.current().version)
    items = {item.item_id: item for item in release.items()}
    assert (items[RATED].title, items[RATED].tmdb_id) == ("Anora", 1064213)
    assert items[UNRATED].creators == ("Someone",)
    counts = dict(zip(release.arrays.item_ids.tolist(), release.arrays.item_counts, strict=True))
    assert counts[RATED] == 6
    assert UNRATED not in counts


def test_export_may_have_no_added_titles(spark: SparkSession, tmp_path: Path) -> None:
    assert read_exported(spark, str(exported(tmp_path / "exported", ""))).items == []


@pytest.mark.parametrize(
    "line", ['{"item_id": 5, "title": "x"}', '{"title": "x"}', "not JSON", as_lines(TITLES[:1])]
)
def test_train_names_a_line_that_is_no_added_title(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    data = write_two_tastes(tmp_path / "data")
    folder = exported(tmp_path / "exported", as_lines(TITLES[:1]) + line)
    options = ["--data", str(data), "--releases", str(tmp_path / "releases"), *QUICK]
    assert train.main([*options, "--ratings", str(folder)]) == 2
    assert "titles.jsonl, line 2: not a title" in capsys.readouterr().err
