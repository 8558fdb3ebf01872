"""A catalogue of one's own from its tables to a release, and ids that stay from one to the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, create_engine
from sqlalchemy.engine import URL, make_url

from recommender.catalogue import FIRST_KEYED_USER
from recommender.storage.release import Release, array_fields
from recommender.storage.release_store import ReleaseStore
from spark_jobs import evaluate, explore, recommend, tune
from spark_jobs.pipeline.__main__ import main as run_pipeline
from tests.support.databases import Server
from tests.support.own_catalogue import (
    ARTISTS,
    LISTENERS,
    artist,
    artists,
    describe,
    listener,
    music,
    plays,
    write_csv,
    write_json,
    write_parquet,
)
from tests.support.requirements import missing
from tests.support.site import ROOT
from tests.support.training import run

POINTS = {"feedback": "explicit", "measure": None, "scale": {"min": 1, "max": 10}}
MODELS = {"rating": {"rank": 2, "iterations": 1}}


def same_arrays(one: Release, other: Release) -> None:
    for name, array in array_fields(one.arrays).items():
        np.testing.assert_array_equal(array, getattr(other.arrays, name), name)


def test_train_makes_a_keyed_release_in_the_catalogues_words(
    spark: SparkSession, tmp_path: Path
) -> None:
    trained = run(tmp_path, "--config", str(music(tmp_path)))
    assert trained.status == 0, trained.err
    catalogue = trained.release.catalogue
    assert (catalogue.name, catalogue.noun, catalogue.nouns) == (
        "Night radio",
        "artist",
        "artists",
    )
    assert (catalogue.measure, catalogue.measures, catalogue.keyed) == ("play", "plays", True)
    assert (catalogue.rating_min, catalogue.rating_step, catalogue.max_user_id) == (0, 1, 0)
    assert (catalogue.users, catalogue.items) == (LISTENERS, ARTISTS)
    keys = trained.release.keys
    assert keys
    assert len(keys.users) == LISTENERS
    assert [item.key for item in trained.release.items()] == list(keys.items)
    manifest = json.loads((trained.releases / trained.release.version / "release.json").read_text())
    assert manifest["format_version"] == 3


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_train_gives_the_same_factors_from_every_format(
    spark: SparkSession, tmp_path: Path, ending: str
) -> None:
    expected = run(tmp_path / "a", "--config", str(music(tmp_path / "a")))
    folder = tmp_path / "b"
    folder.mkdir()
    write_json(folder / "plays.json", plays()[::-1])
    write_json(folder / "artists.json", artists()[::-1])
    write_csv(folder / "plays.csv", plays()[::-1])
    write_csv(folder / "artists.csv", artists()[::-1])
    options = {"options": {"sep": ";"}} if ending == "csv" else {}
    path = describe(
        folder,
        ratings={"path": f"plays.{ending}", **options},
        items={"path": f"artists.{ending}", **options},
    )
    found = run(folder, "--config", str(path))
    assert (expected.status, found.status) == (0, 0), found.err
    same_arrays(found.release, expected.release)


def test_train_keeps_every_id_when_tables_grow_and_shrink(
    spark: SparkSession, tmp_path: Path
) -> None:
    config = str(music(tmp_path))
    before = run(tmp_path, "--config", config).release.keys
    assert before
    rows = [row for row in plays() if row["listener"] != listener(3)]
    newcomers = [{**row, "listener": f"000-{row['listener']}"} for row in plays()[:40]]
    write_parquet(tmp_path / "plays.parquet", [*newcomers, *rows])
    added = {**artists()[0], "artist": "0 a new one"}
    write_parquet(tmp_path / "artists.parquet", [added, *artists()[1:]])
    exported = tmp_path / "exported"
    exported.mkdir()
    number = before.items.id_of(artist(1))
    (exported / "ratings.csv").write_text(
        f"userId,movieId,rating,timestamp\n7,{number},12,1800000000\n"
    )
    trained = run(tmp_path, "--config", config, "--ratings", str(exported))
    assert trained.status == 0, trained.err
    release = trained.release
    assert release.keys
    assert list(release.keys.users)[:LISTENERS] == list(before.users)
    assert list(release.keys.items) == [*before.items, "0 a new one"]
    assert release.keys.users.id_of(newcomers[0]["listener"]) >= FIRST_KEYED_USER + LISTENERS
    assert release.catalogue.max_user_id == 7
    assert artist(0) not in [item.key for item in release.items()]
    sample = release.parity_sample()
    assert 7 in sample.user_ids.tolist()


def test_train_of_bad_tables_publishes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    path = music(tmp_path, ratings={"columns": {"user": "reader", "item": "artist"}})
    trained = run(tmp_path, "--config", str(path))
    assert trained.status == 2
    assert "column 'reader' (user) is missing; there are listener, artist" in trained.err
    assert not trained.releases.exists() or not list(trained.releases.iterdir())


def test_jobs_read_a_catalogue_of_ones_own(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    config = str(music(tmp_path))
    assert explore.main(["--config", config]) == 0
    assert "Night radio" in (tmp_path / "exploration.html").read_text()
    assert evaluate.main(["--config", config, "--protocol", "B", "--seeds", "0"]) == 0
    assert evaluate.main(["--config", config, "--protocol", "T", "--seeds", "0"]) == 2
    (tmp_path / "grid.yaml").write_text("ranking:\n  rank: [2]\n  iterations: [1]\n")
    assert tune.main(["--config", config, "--grid", "grid.yaml", "--folds", "2"]) == 0
    assert run(tmp_path, "--config", config).status == 0
    releases, best = ["--releases", str(tmp_path / "releases")], str(tmp_path / "best")
    assert recommend.main(["--config", config, *releases, "--out", best, "--n", "3"]) == 0
    rows = pq.read_table(best).to_pylist()
    assert {row["user_key"] for row in rows} == {row["listener"] for row in plays()}
    assert all(row["user_id"] >= FIRST_KEYED_USER for row in rows)
    first = rows[0]["recommendations"][0]
    assert first["item_key"].startswith("artist/")
    capsys.readouterr()


def test_evaluate_refuses_time_splits_without_times(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "plays": 1 + row["plays"] % 10} for row in plays()]
    columns = {"user": "listener", "item": "artist", "value": "plays"}
    config = music(tmp_path, rows, catalogue=POINTS, ratings={"columns": columns}, **MODELS)
    out = ["--out", str(tmp_path / "e.json")]
    assert evaluate.main(["--config", str(config), "--protocol", "T", *out]) == 2
    assert "do not say when they were given; leave protocol T" in capsys.readouterr().err


def test_train_fits_stars_from_points(spark: SparkSession, tmp_path: Path) -> None:
    rows = [{**row, "plays": 1 + row["plays"] % 10} for row in plays()]
    path = music(tmp_path, rows, catalogue=POINTS, **MODELS)
    trained = run(tmp_path, "--config", str(path), promote="gate")
    assert trained.status == 0, trained.err
    catalogue = trained.release.catalogue
    assert (catalogue.points, catalogue.rating_min, catalogue.rating_step) == (10, 0.5, 0.5)
    assert 0.5 <= trained.release.mean_rating <= 5


def test_train_lowers_ranks_to_what_few_items_can_fit(spark: SparkSession, tmp_path: Path) -> None:
    path = music(tmp_path, ranking={"rank": 64, "iterations": 1})
    trained = run(tmp_path, "--config", str(path))
    assert trained.status == 0, trained.err
    assert trained.release.ranking.rank == ARTISTS // 2
    assert "ranking model: rank 20 in place of 64" in trained.err


def test_pipeline_runs_a_catalogue_of_ones_own(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline_section = {"folder": str(tmp_path / "work"), "evaluate": {"protocols": ["B"]}}
    path = music(tmp_path, pipeline=pipeline_section)
    stages = ["--stage", "acquire,process,train,evaluate,publish"]
    arguments = ["--config", str(path), "--releases", str(tmp_path / "releases"), *stages]
    assert run_pipeline(arguments) == 0, capsys.readouterr().err
    direct = run(tmp_path / "direct", "--config", str(path))
    piped = run(tmp_path, "--config", str(path))
    assert direct.release.keys
    assert piped.release.keys
    assert list(piped.release.keys.users) == list(direct.release.keys.users)
    capsys.readouterr()
    assert run_pipeline(arguments) == 0
    assert "up to date" in capsys.readouterr().out
    write_parquet(tmp_path / "plays.parquet", [*plays(), {**plays()[0], "listener": "newcomer"}])
    assert run_pipeline(arguments) == 0
    assert f"{LISTENERS + 1:,} people" in capsys.readouterr().out


def test_catalogue_writes_a_file_that_trains(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from spark_jobs import catalogue

    folder = tmp_path / "tables"
    folder.mkdir()
    write_csv(folder / "plays.csv", plays())
    write_csv(folder / "artists.csv", artists())
    out = tmp_path / "catalogue.yaml"
    assert catalogue.main([str(folder), "--out", str(out)]) == 0, capsys.readouterr().err
    text = out.read_text(encoding="utf-8")
    assert "path: tables/plays.csv" in text
    assert 'sep: ";"' in text
    assert "measure: {one: play}" in text
    assert catalogue.main([str(folder), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    trained = run(tmp_path, "--config", str(out))
    assert trained.status == 0, trained.err
    assert trained.release.catalogue.noun == "artist"


JAR = Path("/usr/share/java/postgresql.jar")
PASSWORD = "not-to-be-printed"


def train_apart(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own, in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "spark_jobs.train", *arguments, "--promote", "always"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_train_finds_tables_beside_a_relative_configuration(tmp_path: Path) -> None:
    music(tmp_path)
    done = train_apart(tmp_path, "--config", "catalogue.yaml")
    assert done.returncode == 0, done.stderr


def test_train_reads_postgresql_by_jdbc(
    spark: SparkSession, tmp_path: Path, servers: Callable[[str], Server]
) -> None:
    if not JAR.exists():
        missing("PostgreSQL's driver for Java", ".ci/ensure jdbc")
    expected = run(tmp_path, "--config", str(music(tmp_path))).release
    address = make_url(servers("postgresql").new_database())
    fill(address)
    url = f"jdbc:postgresql://{address.host}:{address.port}/{address.database}"
    place = {"path": None, "format": "jdbc", "url": url, "user": address.username}
    secret = {"password": {"env": "TABLES_PASSWORD"}}
    config = describe(
        tmp_path,
        ratings={**place, **secret, "query": 'SELECT * FROM plays WHERE "plays" > 0'},
        items={**place, **secret, "table": "artists"},
    )
    arguments = ["--config", str(config), "--releases", str(tmp_path / "by-jdbc")]
    environ = {
        "PYSPARK_SUBMIT_ARGS": f"--jars {JAR} pyspark-shell",
        "TABLES_PASSWORD": PASSWORD,
    }
    done = train_apart(tmp_path, *arguments, **environ)
    assert done.returncode == 0, done.stderr
    store = ReleaseStore(tmp_path / "by-jdbc")
    same_arrays(store.read(store.current().version), expected)
    gone = make_url(url.removeprefix("jdbc:")).set(database="gone")
    describe(
        tmp_path,
        ratings={**place, **secret, "url": f"jdbc:{gone}", "table": "plays"},
        items={**place, **secret, "table": "artists"},
    )
    done = train_apart(tmp_path, *arguments, **environ)
    assert done.returncode == 2
    assert 'database "gone" does not exist' in done.stderr
    assert PASSWORD not in done.stderr + done.stdout
    done = train_apart(tmp_path, *arguments, PYSPARK_SUBMIT_ARGS=environ["PYSPARK_SUBMIT_ARGS"])
    assert done.returncode == 2
    assert "the environment variable TABLES_PASSWORD is not set" in done.stderr


def fill(address: URL) -> None:
    """Write both tables into a database."""
    engine = create_engine(address)
    columns = {"plays": Integer(), "since": Integer(), "at": DateTime()}
    for name, rows in (("plays", plays()[::-1]), ("artists", artists())):
        table = Table(name, MetaData(), *(Column(c, columns.get(c, Text())) for c in rows[0]))
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(table.insert(), rows)
    engine.dispose()
