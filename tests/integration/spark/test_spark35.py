"""Training on Spark 3.5, which managed services offer, equals training on the pinned 4.x."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.requirements import missing
from tests.support.site import ROOT
from tests.support.steam_files import GAME, folder_of, library
from tests.support.training import run

GAMES_QUICK = ("--ranking-rank", "4", "--ranking-iterations", "3")
LIBRARIES = [
    library(f"p{n}", **{f"_{2 * g + n % 2 + 10}": 60 * g * n for g in range(n % 3, 8 + n % 4)})
    for n in range(60)
]
GAMES = [repr({**GAME, "id": str(n), "title": f"Game {n}"}) for n in range(10, 34)]


# Trains several times in one session, as each start of Spark takes as long as all of them.
SEVERAL = """
import json, sys
from spark_jobs import train
for arguments in json.loads(sys.argv[1]):
    print(train.main(["--promote", "always", *arguments]))
"""


@dataclass(frozen=True)
class Trained:
    """The releases of several trainings on Spark 3.5, by name, and what it printed at the end."""

    folder: Path
    statuses: list[str]
    errors: str

    def release(self, name: str) -> Release:
        store = ReleaseStore(self.folder / name)
        return store.read(store.current().version)


def arguments_of(folder: Path) -> dict[str, list[str]]:
    """The arguments of each training on the data in ``folder``."""
    films, games = ["--data", str(folder / "ml"), *QUICK], ["--data", str(folder / "steam")]
    return {
        "films": films,
        "games": [*games, *GAMES_QUICK],
        "mllib": [*films, "--solver", "mllib"],
        "bad": ["--data", str(folder / "bad")],
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_two_tastes(folder / "ml")
    folder_of(folder / "steam", LIBRARIES, GAMES)
    write_two_tastes(folder / "bad")
    with (folder / "bad" / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    return folder


@pytest.fixture(scope="module")
def on_spark35(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same trainings by a Python with Spark 3.5 and the other packages of the jobs."""
    python = ROOT / ".tools" / "spark35" / "bin" / "python"
    if not python.exists():
        missing("an environment with Spark 3.5", ".ci/ensure spark35")
    asked = [python, "-c", "import pyspark; print(pyspark.__version__)"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert version.startswith("3.5.")
    folder = tmp_path_factory.mktemp("on35")
    runs = [[*given, "--releases", name] for name, given in arguments_of(data).items()]
    names = ("PATH", "HOME", "JAVA_HOME", "SPARK_SUBMIT_OPTS")
    known = {name: os.environ[name] for name in names if name in os.environ}
    ended = subprocess.run(
        [python, "-c", SEVERAL, json.dumps(runs)],
        cwd=folder,
        env={**known, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    statuses = [line for line in ended.stdout.splitlines() if line.isdecimal()]
    assert len(statuses) == len(runs), ended.stdout + ended.stderr
    return Trained(folder, statuses, ended.stderr)


def on_spark4(data: Path, name: str, folder: Path) -> Release:
    done = run(folder, *arguments_of(data)[name])
    assert done.status == 0, done.err
    return done.release


def check_same(ours: Release, theirs: Release) -> None:
    assert ours.catalogue == theirs.catalogue
    for name in ("item_ids", "item_counts"):
        assert np.array_equal(getattr(ours.arrays, name), getattr(theirs.arrays, name))
    for name in ("ranking_factors", "rating_factors", "item_bias", "item_means"):
        here, there = getattr(ours.arrays, name), getattr(theirs.arrays, name)
        assert np.allclose(here, there, atol=1e-4), name
    assert np.abs(ours.arrays.ranking_factors).max() > 0.01


@pytest.mark.parametrize("name", ["films", "games"])
def test_spark_35_fits_like_spark_4(
    on_spark35: Trained, spark: SparkSession, data: Path, tmp_path: Path, name: str
) -> None:
    check_same(on_spark35.release(name), on_spark4(data, name, tmp_path))


def test_spark_35_fits_with_mllib(on_spark35: Trained) -> None:
    assert on_spark35.release("mllib").arrays.ranking_factors.shape == (20, 4)


def test_spark_35_names_a_bad_line(on_spark35: Trained) -> None:
    assert on_spark35.statuses == ["0", "0", "0", "2"]
    assert "bad/ratings.csv, line 402: the rating is not a number" in on_spark35.errors
