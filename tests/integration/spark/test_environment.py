"""``make cluster-env``: an environment for nodes without our packages and Python."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recommender.storage.release_store import ReleaseStore
from spark_jobs.environment import pack_environment, requirements
from spark_jobs.job_archive import pack_code
from tests.support.cluster import PYSPARK, SMALL, environment, standalone_cluster
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.site import ROOT

SYSTEM = "/usr/bin:/bin"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("packed") / "dist" / "environment.tar.gz"
    pack_environment(target)
    assert list(target.parent.iterdir()) == [target]
    return target


@pytest.fixture(scope="module")
def bare_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its nodes have the system's Python alone, which lacks our packages: without the archive they
    could not train."""
    folder = tmp_path_factory.mktemp("cluster")
    asked = ["env", "-i", f"PATH={SYSTEM}", "python3", "-c", "import numpy"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        pytest.skip("the system's python3 has numpy")
    java = subprocess.run(["sh", "-c", "command -v java"], capture_output=True, text=True)
    home = os.environ.get("JAVA_HOME", str(Path(java.stdout.strip()).resolve().parents[1]))
    bare = {**environment(folder), "PATH": SYSTEM, "JAVA_HOME": home}
    with standalone_cluster(folder, bare) as master:
        yield master


def test_environment_has_every_batch_requirement_except_spark() -> None:
    lines = (ROOT / "requirements-spark.txt").read_text().splitlines()
    pinned = [line for line in lines if "==" in line]
    assert [line for line in pinned if line not in requirements()] == [
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


def train(folder: Path, master: str, python: str, *archives: str) -> tuple[int, str]:
    """Train on two tastes with workers that start ``python``; return (exit status, output)."""
    write_two_tastes(folder / "ml")
    pack_code(folder / "jobs.zip")
    submit = [PYSPARK / "bin" / "spark-submit", "--master", master, *SMALL, *archives]
    job = ["--py-files", "jobs.zip", str(ROOT / "spark_jobs" / "train.py")]
    given = ["--data", str(folder / "ml"), "--releases", "releases", "--promote", "always", *QUICK]
    done = subprocess.run(
        [*submit, *job, *given],
        cwd=folder,
        env={
            **environment(folder),
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    return done.returncode, done.stdout + done.stderr


def test_cluster_without_packages_trains_with_the_archive(
    bare_cluster: str, packed: Path, tmp_path: Path
) -> None:
    archive = ("--archives", f"{packed}#environment")
    status, output = train(tmp_path, bare_cluster, "./environment/bin/python", *archive)
    assert status == 0, output
    store = ReleaseStore(tmp_path / "releases")
    assert store.read(store.current().version).catalogue.ratings == 400
