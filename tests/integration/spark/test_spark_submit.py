"""Training as operators start it: ``spark-submit``, on one machine and on a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recommender.parity import check_parity
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.cluster import PYSPARK, SMALL, environment, standalone_cluster
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.site import ROOT


def submit(folder: Path, master: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``spark-submit`` in ``folder``."""
    return subprocess.run(
        [PYSPARK / "bin" / "spark-submit", "--master", master, *SMALL, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def trained(folder: Path, master: str, *before: str) -> Release:
    """Train in ``folder`` on two tastes; return the release in service."""
    write_two_tastes(folder / "ml")
    arguments = ("--data", "ml", "--releases", "releases", *QUICK)
    ended = submit(folder, master, *before, str(ROOT / "spark_jobs" / "train.py"), *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    store = ReleaseStore(folder / "releases")
    release = store.read(store.current().version)
    assert f"Release {release.version} is in service" in ended.stdout
    return release


@pytest.fixture(scope="module")
def jobs_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of ``make jobs``."""
    target = tmp_path_factory.mktemp("jobs") / "jobs.zip"
    command = [sys.executable, "-m", "spark_jobs.job_archive", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)
    return target


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster whose nodes have our packages."""
    folder = tmp_path_factory.mktemp("cluster")
    with standalone_cluster(folder, environment(folder)) as master:
        yield master


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release trained without ``--py-files``, on one machine, outside of the repository."""
    return trained(tmp_path_factory.mktemp("alone"), "local[2]")


def check_release(release: Release) -> None:
    assert release.folder
    assert release.catalogue.ratings == 400
    assert (release.ranking.rank, release.rating.rank) == (4, 4)
    assert {path.name for path in release.folder.parent.iterdir()} == {
        release.version,
        "current.json",
    }
    parity = check_parity(release)
    assert parity.users == 30
    assert parity.holds


def test_local_submit_needs_no_zip_and_no_particular_folder(alone: Release) -> None:
    check_release(alone)


def test_cluster_with_zip_trains_the_same_model_as_one_machine(
    tmp_path: Path, cluster: str, jobs_zip: Path, alone: Release
) -> None:
    release = trained(tmp_path, cluster, "--py-files", str(jobs_zip))
    check_release(release)
    for name in ("ranking_factors", "rating_factors", "item_bias"):
        ours, theirs = getattr(release.arrays, name), getattr(alone.arrays, name)
        assert np.allclose(ours, theirs, atol=1e-4)


def test_cluster_names_a_bad_line_and_exits_with_status_2(
    tmp_path: Path, cluster: str, jobs_zip: Path
) -> None:
    write_two_tastes(tmp_path / "ml")
    with (tmp_path / "ml" / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    job = str(ROOT / "spark_jobs" / "train.py")
    arguments = ("--data", f"{tmp_path}/ml", "--releases", "releases")
    ended = submit(tmp_path, cluster, "--py-files", str(jobs_zip), job, *arguments)
    assert ended.returncode == 2
    expected = f"error: {tmp_path}/ml/ratings.csv, line 402: the rating is not a number"
    assert expected in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not (tmp_path / "releases").exists()
