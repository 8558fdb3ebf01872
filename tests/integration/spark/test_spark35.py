"""Training on Spark 3.5, which managed services offer, equals training on the pinned 4.x."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.requirements import missing
from tests.support.site import ROOT
from tests.support.steam_files import GAME, folder_of, library

GAMES_QUICK = ("--ranking-rank", "4", "--ranking-iterations", "3")
LIBRARIES = [
    library(f"p{n}", **{f"_{2 * g + n % 2 + 10}": 60 * g * n for g in range(n % 3, 8 + n % 4)})
    for n in range(60)
]
GAMES = [repr({**GAME, "id": str(n), "title": f"Game {n}"}) for n in range(10, 34)]


@pytest.fixture(scope="module")
def spark35() -> Path:
    """A Python with Spark 3.5 and the other packages of the jobs."""
    python = ROOT / ".venv" / "spark35" / "bin" / "python"
    if not python.exists():
        missing("an environment with Spark 3.5", ".ci/ensure spark35")
    asked = [python, "-c", "import pyspark; print(pyspark.__version__)"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert version.startswith("3.5.")
    return python


def job(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Train in ``folder``, with releases in a folder named like the Python environment."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
    return subprocess.run(
        [python, "-m", "spark_jobs.train", "--promote", "always", *arguments],
        cwd=folder,
        env={**known, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def trained(python: Path, folder: Path, name: str, *arguments: str) -> Release:
    ended = job(python, folder, "--releases", name, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    store = ReleaseStore(folder / name)
    return store.read(store.current().version)


def check_same(ours: Release, theirs: Release) -> None:
    assert ours.catalogue == theirs.catalogue
    for name in ("item_ids", "item_counts"):
        assert np.array_equal(getattr(ours.arrays, name), getattr(theirs.arrays, name))
    for name in ("ranking_factors", "rating_factors", "item_bias", "item_means"):
        here, there = getattr(ours.arrays, name), getattr(theirs.arrays, name)
        assert np.allclose(here, there, atol=1e-4), name
    assert np.abs(ours.arrays.ranking_factors).max() > 0.01


def test_spark_35_fits_films_like_spark_4(spark35: Path, tmp_path: Path) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")), *QUICK)
    check_same(
        trained(spark35, tmp_path, "on35", *data),
        trained(Path(sys.executable), tmp_path, "on4", *data),
    )


def test_spark_35_fits_games_like_spark_4(spark35: Path, tmp_path: Path) -> None:
    data = ("--data", folder_of(tmp_path / "steam", LIBRARIES, GAMES), *GAMES_QUICK)
    check_same(
        trained(spark35, tmp_path, "on35", *data),
        trained(Path(sys.executable), tmp_path, "on4", *data),
    )


def test_spark_35_fits_with_mllib(spark35: Path, tmp_path: Path) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")), *QUICK)
    release = trained(spark35, tmp_path, "on35", *data, "--solver", "mllib")
    assert release.arrays.ranking_factors.shape == (20, 4)


def test_spark_35_names_a_bad_line(spark35: Path, tmp_path: Path) -> None:
    write_two_tastes(tmp_path / "ml")
    with (tmp_path / "ml" / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    ended = job(spark35, tmp_path, "--data", "ml", "--releases", "on35")
    assert ended.returncode == 2
    assert "error: ml/ratings.csv, line 402: the rating is not a number" in ended.stderr
