"""The best items for every user, equal to those of the site."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.model import Model
from recommender.storage.release_store import ReleaseStore
from spark_jobs import recommend
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.datasets.read import read_datasets
from spark_jobs.recommend import read_stars, recommend_all, titles_by_row
from tests.support.datasets import RATINGS_HEADER, write_files
from tests.support.releases import FITTED, ITEMS, no_parity_sample, tiny_release

TITLES = [item.title for item in FITTED]
MOVIES = "movieId,title,genres\n" + "".join(f"{item.item_id},A,B\n" for item in ITEMS)
# User 7 rated one item of the release and an unknown one; user 9 only the latter.
RATINGS = {3: {1: 5.0, 2: 4.0}, 7: {8: 5.0, 55: 1.0}, 8: {1: 0.5}, 9: {55: 5.0}}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    lines = (f"{u},{i},{r},1\n" for u, theirs in RATINGS.items() for i, r in theirs.items())
    files = {"ratings.csv": RATINGS_HEADER + "".join(lines), "movies.csv": MOVIES}
    return str(write_files(tmp_path / "ml", files))


@pytest.fixture
def releases(tmp_path: Path) -> ReleaseStore:
    store = ReleaseStore(tmp_path / "releases")
    store.publish(tiny_release(), ITEMS, no_parity_sample())
    store.promote(tiny_release().version)
    return store


def stars_of(spark: SparkSession, folder: str, model: Model) -> BlockedRatings:
    return read_stars(read_datasets(spark, "movielens", [folder]), model)


def test_recommend_all_equals_the_site(spark: SparkSession, folder: str) -> None:
    model = Model(tiny_release())
    rows = recommend_all(spark, stars_of(spark, folder, model), model, 3, TITLES).collect()
    found = {row.user_id: [(r.item_id, r.score) for r in row.recommendations] for row in rows}
    assert sorted(found) == [3, 7, 8]
    for user_id, listed in found.items():
        shown = model.recommend(model.fold_in(RATINGS[user_id]), 3)
        assert [item_id for item_id, _ in listed] == [row.item_id for row in shown]
        assert [score for _, score in listed] == pytest.approx(
            [row.score for row in shown], rel=1e-4
        )


def test_recommend_all_lists_every_remaining_item_when_few_are_left(
    spark: SparkSession, folder: str
) -> None:
    model = Model(tiny_release())
    rows = recommend_all(spark, stars_of(spark, folder, model), model, 50, TITLES).collect()
    lengths = {row.user_id: len(row.recommendations) for row in rows}
    assert lengths == {3: len(FITTED) - 2, 7: len(FITTED) - 1, 8: len(FITTED) - 1}


def test_recommend_writes_parquet(
    spark: SparkSession, folder: str, releases: ReleaseStore, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = ["--data", folder, "--releases", str(releases.folder), "--n", "2", "--out", str(out)]
    assert recommend.main(given) == 0
    rows = spark.read.parquet(str(out)).collect()
    assert {row.user_id: len(row.recommendations) for row in rows} == {3: 2, 7: 2, 8: 2}
    titles = {item.item_id: item.title for item in ITEMS}
    for listed in (listed for row in rows for listed in row.recommendations):
        assert listed.asDict() == {
            "item_id": listed.movie_id,
            "movie_id": listed.item_id,
            "title": titles[listed.item_id],
            "score": listed.score,
        }
    assert recommend.main(given) == 2
    assert recommend.main([*given, "--n", "1", "--overwrite"]) == 0
    rows = spark.read.parquet(str(out)).collect()
    assert [len(row.recommendations) for row in rows] == [1, 1, 1]
    assert not Path(f"{out}.unfinished").exists()


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (["--n", "0"], "--n 0: give at least 1"),
        (["--version", "20250101-000000-ffff"], "no such release"),
        (["--out", "{out}"], "give a new folder, or --overwrite to replace it"),
        (["--data", "/nowhere"], "/nowhere: no such folder"),
    ],
)
def test_recommend_names_bad_input_and_writes_nothing(
    folder: str,
    releases: ReleaseStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    printed: str,
) -> None:
    out = tmp_path / "out"
    if given[0] == "--out":
        out.mkdir()
        given = []
    usual = ["--data", folder, "--releases", str(releases.folder), "--out", str(out)]
    assert recommend.main([*usual, *given]) == 2
    assert printed in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())


def test_recommend_fails_when_no_rated_item_is_in_the_release(
    folder: str, releases: ReleaseStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(folder, "ratings.csv").write_text(f"{RATINGS_HEADER}9,55,5,1\n")
    given = ["--data", folder, "--releases", str(releases.folder), "--out", str(tmp_path / "out")]
    assert recommend.main(given) == 2
    assert "no rating is of a title that release" in capsys.readouterr().err


def test_recommend_all_folds_in_many_users_like_the_site(
    spark: SparkSession, trained_store: ReleaseStore, movielens: Path
) -> None:
    model = Model(trained_store.read(trained_store.current().version))
    stars = stars_of(spark, str(movielens), model)
    rows = recommend_all(spark, stars, model, 20, titles_by_row(model)).collect()
    assert len(rows) == 610
    sample = model.release.parity_sample()
    shown = {
        int(sample.user_ids[n]): [row.item_id for row in model.recommend(model.fold_in(output), 20)]
        for n, output in sample.users()
    }
    listed = {row.user_id: [r.item_id for r in row.recommendations] for row in rows}
    same = [np.isin(listed[user_id], wanted).mean() for user_id, wanted in shown.items()]
    assert np.mean(same) > 0.99
