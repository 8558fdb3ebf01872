"""Tuning: disjoint folds, a search that improves and resumes, and rejected grids."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import asdict, replace
from pyspark.sql import SparkSession

from recommender.params import RankingParams, RatingParams
from spark_jobs import tune
from spark_jobs.config.configuration import Config, read_params
from spark_jobs.datasets.movielens import read_movielens
from spark_jobs.training_set import TrainingSet, merge
from spark_jobs.tuning import grid as grids
from spark_jobs.tuning import search
from spark_jobs.tuning.results import fingerprint
from tests.support.datasets import write_csv, write_files, write_two_tastes
from tests.support.servers import wait_until
from tests.support.site import ROOT

# Regularization that shrinks every preference to zero.
BAD = """\
# Chosen by nobody.
noun: movie
seed: 1
ranking:
  rank: 4           # enough for two tastes
  iterations: 1
  regularization: 1000.0  # far too much
  alpha: 5.0
# Else lists would be good whatever the factors are.
neighbourhood: {neighbours: 0}
rating: {rank: 4, iterations: 1, regularization: 1000.0, bias_sweeps: 1}
"""
GRID = "ranking: {regularization: [1000.0, 0.05]}"
BOTH = f"{GRID}\nrating: {{regularization: [0.5]}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_tastes(tmp_path_factory.mktemp("tune") / "ml")


@pytest.fixture
def arguments(tmp_path: Path, folder: Path) -> list[str]:
    """Arguments of a search in ``tmp_path``."""
    write_files(tmp_path, {"bad.yaml": BAD, "grid.yaml": GRID})
    return [
        *("--data", str(folder), "--config", str(tmp_path / "bad.yaml")),
        *("--grid", str(tmp_path / "grid.yaml"), "--results", str(tmp_path / "tuning.jsonl")),
        *("--folds", "2", "--out", str(tmp_path / "tuned.yaml")),
    ]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows with the model of each fit."""
    done: list[str] = []
    measure = search.measure

    def counted(model: str, *rest: Any) -> float:
        done.append(model)
        return measure(model, *rest)

    monkeypatch.setattr(search, "measure", counted)
    return done


def test_tune_writes_better_parameters_alone(
    spark: SparkSession,
    tmp_path: Path,
    arguments: list[str],
    fits: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(tmp_path, {"grid.yaml": BOTH})
    assert tune.main(arguments) == 0
    assert (tmp_path / "bad.yaml").read_text() == BAD
    tuned = read_params(tmp_path / "tuned.yaml")
    ranking = asdict(RankingParams(rank=4, iterations=1, regularization=0.05))
    assert tuned == {
        "ranking": ranking | {"popularity_weight": "auto"},
        "rating": asdict(RatingParams(rank=4, iterations=1, regularization=0.5, bias_sweeps=1)),
    }
    output = capsys.readouterr()
    best, configured = output.out.split("rating model")[0].splitlines()[2:4]
    assert best.endswith("regularization 0.05  best")
    assert configured.endswith("regularization 1000  as configured")
    assert float(best.split()[0]) > float(configured.split()[0])
    assert "ranking.regularization 1000 → 0.05, rating.regularization 1000 → 0.5" in output.out
    assert len(fits) == 8  # two candidates and two folds for each model
    assert "[2/2] rating model, fold 2 of 2, regularization 0.5: RMSE" in output.err


def test_tune_searches_the_neighbourhood_beside_the_configured_factors(
    spark: SparkSession, tmp_path: Path, arguments: list[str], fits: list[str]
) -> None:
    """The configured factors, shrunken to zero, order titles by popularity alone."""
    grid = "neighbourhood: {neighbours: [5], regularization: [1.0], objective: [liked, watched]}"
    write_files(tmp_path, {"grid.yaml": grid})
    assert tune.main(arguments) == 0
    tuned = read_params(tmp_path / "tuned.yaml")
    assert list(tuned) == ["neighbourhood"]
    assert (tuned["neighbourhood"]["neighbours"], tuned["neighbourhood"]["regularization"]) == (
        5,
        1,
    )
    assert set(fits) == {"neighbourhood"}


def test_tune_says_when_the_configured_parameters_are_the_best(
    spark: SparkSession, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    good = BAD.replace("1000.0", "0.05")
    write_files(tmp_path, {"bad.yaml": good, "grid.yaml": "ranking: {regularization: [1000.0]}"})
    assert tune.main(arguments) == 0
    assert (tmp_path / "bad.yaml").read_text() == good
    assert "the parameters as configured, which are the best" in capsys.readouterr().out
    assert read_params(tmp_path / "tuned.yaml")["ranking"]["regularization"] == 0.05


def test_tune_resumes_an_interrupted_search(
    spark: SparkSession,
    tmp_path: Path,
    arguments: list[str],
    fits: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ("--out", str(tmp_path / "found.yaml"))
    measure = search.measure

    def interrupted(*cell: Any) -> float:
        if len(fits) == 2:
            raise KeyboardInterrupt
        return measure(*cell)

    monkeypatch.setattr(search, "measure", interrupted)
    assert tune.main([*arguments, *out]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert not (tmp_path / "found.yaml").exists()
    monkeypatch.setattr(search, "measure", measure)
    assert tune.main([*arguments, *out]) == 0
    assert "ranking model, fold 1 of 2: 2 of 2 fits are known" in capsys.readouterr().err
    assert len(fits) == 4
    assert tune.main([*arguments, *out]) == 0
    assert len(fits) == 4
    assert (tmp_path / "bad.yaml").read_text() == BAD
    assert (
        yaml.safe_load((tmp_path / "found.yaml").read_text())["ranking"]["regularization"] == 0.05
    )


def test_tune_measures_only_new_cells_of_a_changed_grid(
    spark: SparkSession, tmp_path: Path, arguments: list[str], fits: list[str]
) -> None:
    out = ("--out", str(tmp_path / "found.yaml"))
    write_files(tmp_path, {"grid.yaml": "ranking: {regularization: [0.05]}"})
    assert tune.main([*arguments, *out]) == 0
    write_files(tmp_path, {"grid.yaml": "ranking: {regularization: [0.05, 0.5]}"})
    assert tune.main([*arguments, *out]) == 0
    assert len(fits) == 4 + 2


def test_tune_resumes_after_ctrl_c_and_a_torn_line(
    spark: SparkSession, tmp_path: Path, arguments: list[str], fits: list[str]
) -> None:
    """Killed in place of interrupted, it leaves the same file: each result is written at once."""
    results, log = tmp_path / "tuning.jsonl", tmp_path / "log"
    with log.open("w") as stream:
        search = subprocess.Popen(
            [sys.executable, "-m", "spark_jobs.tune", *arguments],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )

        def has_a_result() -> bool:
            assert search.poll() is None, log.read_text()
            return results.exists() and results.read_bytes().count(b"\n") >= 1

        wait_until(has_a_result, 240)
        os.killpg(search.pid, signal.SIGINT)
        assert search.wait() == 130
    assert "Traceback" not in log.read_text()
    assert log.read_text().splitlines()[-1].startswith("Interrupted. What was measured is in")
    known = results.read_bytes().count(b"\n")
    with results.open("a") as torn:
        torn.write('{"of": {"data": "')
    assert tune.main(arguments) == 0
    assert len(fits) == 4 - known
    assert results.read_bytes().count(b"\n") == 4


def test_divide_holds_out_every_rating_and_every_user_once(
    spark: SparkSession, folder: Path, training: TrainingSet
) -> None:
    pairs = {(u, i) for u in range(1, 31) for i in range(1, 21) if (u - i) % 3}
    rating = [made.cases.collect() for made in search.divide(training, "rating", 3, seed=1)]
    held = [(case.user_id, i) for cases in rating for case in cases for i in case.held]
    assert sorted(held) == sorted(pairs)
    ranking = search.divide(training, "ranking", 3, seed=1)
    tested = [case.user_id for made in ranking for case in made.cases.collect()]
    assert sorted(tested) == list(range(1, 31))
    for made in ranking:
        theirs = {case.user_id for case in made.cases.collect()}
        fitted = set(made.fitted().users.ids.tolist())
        assert theirs | fitted == set(range(1, 31))
        assert not theirs & fitted


@pytest.fixture(scope="module")
def training(spark: SparkSession, folder: Path) -> TrainingSet:
    return merge([read_movielens(spark, str(folder))], SETTINGS)


SETTINGS = Config("movie", 1, RankingParams(), RatingParams())


def test_fingerprint_depends_on_content_and_not_on_order(
    spark: SparkSession, tmp_path: Path, folder: Path, training: TrainingSet
) -> None:
    header, *lines = (folder / "ratings.csv").read_text().splitlines(keepends=True)
    movies = (folder / "movies.csv").read_text()

    def of(ratings: list[str], titles: str = movies) -> str:
        files = {"ratings.csv": "".join([header, *ratings]), "movies.csv": titles}
        read = read_movielens(spark, str(write_files(tmp_path / "other", files)))
        return fingerprint(merge([read], SETTINGS))

    same = fingerprint(training)
    assert of(lines[::-1]) == same
    assert of([*lines[:-1], lines[-1].replace(",5.0,", ",4.5,").replace(",1.0,", ",1.5,")]) != same
    assert of(lines, movies.replace("Drama", "Comedy", 1)) != same


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ("ranking: {ranks: [3]}", "grid.yaml, ranking: unknown parameter 'ranks'; known are rank"),
        ("ranking: {rank: []}", "grid.yaml, ranking: rank must be a list of at least one value"),
        ("ranking: {rank: 8}", "grid.yaml, ranking: rank must be a list of at least one value"),
        ("ranking: {rank: [8, 2.5]}", "rank must be a whole number of at least 1 and at most 1024"),
        ("rating: {regularization: [much]}", "regularization must be a number of at least 1e-09"),
        ("rating: {regularization: [[1.0]]}", "regularization must be a number of at least 1e-09"),
        ("rating: {regularization: [-1]}", "regularization must be a number of at least 1e-09"),
        ("ranking: [rank]", "grid.yaml, ranking: must be `parameter: [value, value]` lines"),
        ("heads: {rank: [3]}", "grid.yaml: unknown model 'heads'; give lists of values under"),
        ("", "grid.yaml: nothing to try; give lists of values under ranking, neighbourhood"),
        ("rank: [3", "grid.yaml: not YAML"),
        ("ranking: {rank: [21]}", "rank 21 of the ranking model is above its 30 people or 20"),
        ("rating: {rank: [4, 400]}", "rank 400 of the rating model is above its 30 people or 20"),
        ("ranking: {neutral: [5.0]}", "neutral must be below the best rating, 5"),
    ],
)
def test_tune_rejects_an_invalid_grid_before_fitting(
    spark: SparkSession,
    tmp_path: Path,
    arguments: list[str],
    fits: list[str],
    capsys: pytest.CaptureFixture[str],
    grid: str,
    expected: str,
) -> None:
    write_files(tmp_path, {"grid.yaml": grid})
    assert tune.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert fits == []
    assert (tmp_path / "bad.yaml").read_text() == BAD


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--folds", "1"), "--folds: must be 2 or more, not 1"),
        (("--minutes", "0"), "--minutes: must be above 0, not 0"),
        (("--folds", "31"), "ranking model, fold 1 of 31: 1 people to test on"),
        (("--grid", "/nowhere.yaml"), "/nowhere.yaml: cannot be read"),
        (("--out", __file__), "not YAML"),
        (("--out", str(grids.GRID)), "it is not replaced: name another file with --out"),
        (("--out", "/nowhere/found.yaml"), "/nowhere/found.yaml: cannot be written"),
        (("--results", "/nowhere/tuning.jsonl"), "--results /nowhere/tuning.jsonl: cannot be used"),
        (("--results", __file__), "not results of tuning"),
    ],
)
def test_tune_rejects_invalid_options_before_fitting(
    spark: SparkSession,
    arguments: list[str],
    fits: list[str],
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    expected: str,
) -> None:
    assert tune.main([*arguments, *more]) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]
    assert fits == []


def test_tune_rejects_folds_without_positives_before_fitting(
    spark: SparkSession,
    tmp_path: Path,
    arguments: list[str],
    fits: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [(u, i, 3.5, 0) for u in range(1, 21) for i in range(1, 11)]
    dull = write_csv(tmp_path / "dull", rows, {i: f"Film {i}" for i in range(1, 11)})
    assert tune.main(["--data", str(dull), *arguments[2:]]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "ranking model, fold 1 of 2:" in last
    assert "0 of them with a held-out rating of 4 or more" in last
    assert fits == []


def test_default_grid_is_valid() -> None:
    settings = replace(SETTINGS, rating=RatingParams(rank=7))
    grid = grids.read_grid(grids.GRID, settings)
    assert {model: len(candidates) > 3 for model, candidates in grid.items()} == {
        "ranking": True,
        "neighbourhood": True,
        "rating": True,
    }
    assert {params.rank for params in grid["rating"]} == {7}


def test_errors_caused_by_ctrl_c_are_not_printed(spark: SparkSession) -> None:
    before = signal.getsignal(signal.SIGINT)

    def broken() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise RuntimeError("as PySpark does where it is interrupted")

    with pytest.raises(KeyboardInterrupt), tune._quiet_interruption(spark):
        broken()
    assert signal.getsignal(signal.SIGINT) == before
