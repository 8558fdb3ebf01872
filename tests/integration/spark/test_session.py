"""Spark sessions: accepted Java versions, and the code that workers get."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from recommender.errors import SetupError
from recommender.params import RankingParams
from spark_jobs import job_archive
from spark_jobs.java import check_java
from spark_jobs.job_archive import PACKAGES, ROOT, pack_code
from spark_jobs.session import _fits_sockets, build_session

REMEDY = "install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH of a machine without Java."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, says: str) -> Path:
    """Install a ``java`` that prints this version."""
    folder.mkdir(parents=True, exist_ok=True)
    java = folder / "java"
    java.write_text(f"#!/bin/sh\nprintf '%s\\n' '{says}' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    "says",
    [
        'openjdk version "17.0.15" 2025-04-15',
        'openjdk version "21" 2023-09-19',
        'java version "25-ea" 2025-09-16',
        'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "17.0.1"',
    ],
)
def test_check_java_accepts_17_and_newer(path: Path, says: str) -> None:
    install(path, says)
    check_java()


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ('openjdk version "16.0.2" 2021-07-20', "Java 16"),
        ('openjdk version "11.0.2"', "Java 11"),
        ('java version "1.8.0_392"', "Java 8"),
        ("Unable to locate a Java Runtime.", "Java of an unknown version"),
    ],
)
def test_check_java_rejects_an_older_version_with_remedy(path: Path, says: str, found: str) -> None:
    java = install(path, says)
    with pytest.raises(SetupError) as caught:
        check_java()
    assert str(caught.value) == f"{java} is {found}; Spark needs 17 or newer; {REMEDY}"


def test_build_session_fails_with_remedy_when_java_is_missing(path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        build_session()
    assert str(caught.value) == f"Spark needs Java 17 or newer and found none; {REMEDY}"


def test_check_java_prefers_java_home_to_path(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(path, 'openjdk version "17"')
    java = install(tmp_path / "jdk" / "bin", 'openjdk version "11"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(SetupError, match=f"{java} is Java 11"):
        check_java()
    java.unlink()
    with pytest.raises(SetupError, match="found none"):
        check_java()


def test_check_java_fails_with_remedy_when_java_is_not_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = install(tmp_path / "jdk" / "bin", "")
    java.chmod(0o644)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(SetupError, match="openjdk-17-jre-headless"):
        check_java()


def test_session_time_zone_is_utc(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_local_workers_use_this_python_and_these_files(
    spark: SparkSession,
) -> None:
    """Workers must not use a copy, because compiled kernels are cached beside the files."""
    workers = spark.sparkContext.parallelize([0], 1).map(
        lambda _: (__import__("sys").executable, __import__("spark_jobs").__file__)
    )
    [(python, package)] = workers.collect()
    assert python == os.environ["PYSPARK_PYTHON"] == sys.executable
    assert Path(package).parent == ROOT / "spark_jobs"


@pytest.mark.parametrize("before", [[], ["spark://driver:4040/files/marquee-jobs.zip"]])
def test_submitted_session_adds_the_code_once(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    given: list[str] = []
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr(spark.sparkContext, "addPyFile", given.append)
    monkeypatch.setattr(type(spark.sparkContext), "listFiles", property(lambda _: before))
    build_session("again")
    # If the file changed later, every following job would fail.
    assert len(given) + len(before) == 1
    if given:
        assert "spark_jobs/als/solver.py" in zipfile.ZipFile(given[0]).namelist()


@pytest.fixture(scope="module")
def jobs_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of ``make jobs``."""
    target = tmp_path_factory.mktemp("jobs") / "dist" / "jobs.zip"
    command = [sys.executable, "-m", "spark_jobs.job_archive", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)
    return target


def test_job_archive_has_both_packages_with_data(jobs_zip: Path) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for room in PACKAGES
        for path in (ROOT / room).rglob("*.py")
    }
    packed = zipfile.ZipFile(jobs_zip).namelist()
    assert len(packed) == len(set(packed))
    assert set(packed) >= {
        *sources,
        "spark_jobs/pipelines/movies.yaml",
        "spark_jobs/datasets/sample_films.csv",
        "spark_jobs/reporting/report.html.j2",
    }
    assert {name.split("/")[0] for name in packed} == {"recommender", "spark_jobs"}


def test_job_archive_has_no_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in PACKAGES:
        (tmp_path / room / "part" / "__pycache__").mkdir(parents=True)
        (tmp_path / room / "part" / "one.py").touch()
        (tmp_path / room / "part" / "__pycache__" / "one.cpython-311.pyc").touch()
    monkeypatch.setattr(job_archive, "ROOT", tmp_path)
    pack_code(tmp_path / "jobs.zip")
    packed = zipfile.ZipFile(tmp_path / "jobs.zip").namelist()
    assert packed == ["recommender/part/one.py", "spark_jobs/part/one.py"]


def test_job_archive_is_importable(jobs_zip: Path, tmp_path: Path) -> None:
    script = """
import argparse
from spark_jobs.config import configuration, options
from spark_jobs.datasets.sample import read_films
parser = argparse.ArgumentParser()
options.add_options(parser)
settings = configuration.load_config(parser.parse_args([]))
print(configuration.__file__, settings.ranking.rank, len(read_films()) > 400)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(jobs_zip)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    rank = str(RankingParams().rank)
    assert ran.stdout.split() == [f"{jobs_zip}/spark_jobs/config/configuration.py", rank, "True"]


@pytest.mark.parametrize(("letters", "fits"), [(60, True), (61, False)])
def test_fits_sockets_checks_the_length_of_the_path(letters: int, fits: bool) -> None:
    assert _fits_sockets(Path("/" + (letters - 1) * "x")) is fits
