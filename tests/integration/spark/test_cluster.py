"""Training as operators start it: ``spark-submit`` on one machine, and on a cluster that loses an
executor, or whose nodes need the environment of ``make cluster-env``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from recommender.parity import check_parity
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.environment import pack_environment, requirements
from tests.support.acknowledged_writes import RecordJob
from tests.support.cluster import (
    PYSPARK,
    SMALL,
    Cluster,
    environment,
    executors,
    standalone_cluster,
)
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.servers import wait_until
from tests.support.site import ROOT
from tests.support.training import run

pytest_plugins = ["tests.support.fixtures.fault_table"]

SYSTEM = "/usr/bin:/bin"
JOB = str(ROOT / "spark_jobs" / "train.py")
PATIENCE = 600


def submission(master: str, *arguments: str) -> list[str]:
    return [str(PYSPARK / "bin" / "spark-submit"), "--master", master, *SMALL, *arguments]


def submit(
    folder: Path, master: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``spark-submit`` in ``folder``."""
    return subprocess.run(
        submission(master, *arguments),
        cwd=folder,
        env={**environment(folder), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def in_service(folder: Path) -> Release:
    store = ReleaseStore(folder / "releases")
    return store.read(store.current().version)


def trained(folder: Path, master: str, *before: str, **variables: str) -> Release:
    """Train in ``folder`` on two tastes; return the release in service."""
    data = write_two_tastes(folder / "ml")
    arguments = ("--data", str(data), "--releases", "releases", "--promote", "always", *QUICK)
    ended = submit(folder, master, *before, JOB, *arguments, **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    release = in_service(folder)
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
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, whose nodes have the system's Python alone, which lacks our packages.

    A job that names no other Python runs with that of its driver.
    """
    folder = tmp_path_factory.mktemp("cluster")
    java = subprocess.run(["sh", "-c", "command -v java"], capture_output=True, text=True)
    home = os.environ.get("JAVA_HOME", str(Path(java.stdout.strip()).resolve().parents[1]))
    bare = {**environment(folder), "PATH": SYSTEM, "JAVA_HOME": home}
    with standalone_cluster(folder, bare, workers=2) as master:
        yield Cluster(folder, master)


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


def check_same_model(ours: Release, theirs: Release) -> None:
    for name in ("ranking_factors", "rating_factors", "item_bias"):
        one, other = getattr(ours.arrays, name), getattr(theirs.arrays, name)
        assert np.allclose(one, other, atol=1e-4), name


def test_local_submit_needs_no_zip_and_no_particular_folder(alone: Release) -> None:
    check_release(alone)


def test_cluster_with_zip_trains_the_same_model_as_one_machine(
    tmp_path: Path, cluster: Cluster, jobs_zip: Path, alone: Release
) -> None:
    release = trained(tmp_path, cluster.master, "--py-files", str(jobs_zip))
    check_release(release)
    check_same_model(release, alone)


def test_cluster_names_a_bad_line_and_exits_with_status_2(
    tmp_path: Path, cluster: Cluster, jobs_zip: Path
) -> None:
    write_two_tastes(tmp_path / "ml")
    with (tmp_path / "ml" / "ratings.csv").open("a") as ratings:
        ratings.write("1,1,five,0\n")
    arguments = ("--data", f"{tmp_path}/ml", "--releases", "releases")
    ended = submit(tmp_path, cluster.master, "--py-files", str(jobs_zip), JOB, *arguments)
    assert ended.returncode == 2
    expected = f"error: {tmp_path}/ml/ratings.csv, line 402: the rating is not a number"
    assert expected in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not (tmp_path / "releases").exists()


# --- an executor that dies ---

LONG_FIT = (*QUICK, "--ranking-iterations", "30")


def train_and_kill_an_executor(folder: Path, cluster: Cluster, data: Path) -> None:
    """Train on a cluster, and kill one of its two executors in the first fit."""
    arguments = ("--data", str(data), "--releases", "releases", "--promote", "always", *LONG_FIT)
    log = folder / "log"
    with log.open("w") as output:
        job = subprocess.Popen(
            submission(cluster.master, JOB, *arguments),
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def fits() -> bool:
        """The stage before has ended."""
        assert job.poll() is None, log.read_text()
        return "[2/8] one rating for each pair" in log.read_text()

    try:
        wait_until(fits, PATIENCE)
        before = executors(cluster.folder)
        os.kill(min(before), signal.SIGKILL)
        assert len(before) == 2
        assert "[3/8]" not in log.read_text()
        assert job.wait(timeout=PATIENCE) == 0, log.read_text()
    finally:
        job.kill()
        job.wait()


@pytest.mark.faults
def test_model_is_identical_when_an_executor_is_killed_during_the_fit(
    spark: SparkSession, tmp_path: Path, cluster: Cluster, record_job: RecordJob
) -> None:
    data = write_two_tastes(tmp_path / "ml")
    undisturbed = run(tmp_path / "undisturbed", "--data", str(data), *LONG_FIT).release
    began = time.monotonic()
    train_and_kill_an_executor(tmp_path, cluster, data)
    record_job("an executor killed in the middle of a fit", time.monotonic() - began)
    check_same_model(in_service(tmp_path), undisturbed)


# --- the environment for nodes without our packages and Python ---


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("packed") / "dist" / "environment.tar.gz"
    pack_environment(target)
    assert list(target.parent.iterdir()) == [target]
    return target


def test_environment_has_every_batch_requirement_except_spark() -> None:
    lines = (ROOT / "requirements-spark.txt").read_text().splitlines()
    pinned = [line for line in lines if "==" in line]
    listed = requirements().splitlines()
    assert [line for line in pinned if line not in listed] == [
        line for line in pinned if line.startswith("pyspark==")
    ]


def test_environment_runs_from_any_folder(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "some where", filter="tar")
    script = (
        "import sys, ssl, ctypes, numpy, numba, pyarrow, msgspec, ruamel.yaml, boto3, matplotlib;"
        "print(sys.prefix, numpy.__file__, numba.njit(lambda x: x + 1)(1), sep='\\n')"
    )
    ran = subprocess.run(
        ["some where/bin/python", "-c", script],
        cwd=tmp_path,
        env={"PATH": SYSTEM, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    prefix, numpy_file, two = ran.stdout.splitlines()
    assert Path(prefix).resolve() == (tmp_path / "some where").resolve()
    assert "some where" in numpy_file
    assert two == "2"


def test_cluster_without_packages_trains_with_the_archive(
    cluster: Cluster, packed: Path, jobs_zip: Path, tmp_path: Path
) -> None:
    asked = ["env", "-i", f"PATH={SYSTEM}", "python3", "-c", "import numpy"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        pytest.skip("the system's python3 has numpy")
    # One executor, as each unpacks the archive.
    archive = ("--archives", f"{packed}#environment", "--total-executor-cores", "1")
    python = {
        "PYSPARK_PYTHON": "./environment/bin/python",
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    code = ("--py-files", str(jobs_zip))
    assert trained(tmp_path, cluster.master, *archive, *code, **python).catalogue.ratings == 400
