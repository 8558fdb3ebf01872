"""Killed trainings, and a cluster that loses an executor: the release in service stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.acknowledged_writes import LONG, RecordJob
from tests.support.cluster import (
    BRISK,
    PYSPARK,
    SMALL,
    environment,
    executors,
    standalone_cluster,
)
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.kill_job import POINTS
from tests.support.releases import publish_tiny
from tests.support.site import ROOT

pytest_plugins = ["tests.support.fixtures.fault_table"]
pytestmark = pytest.mark.faults

STAGES = (
    "reading and checking",
    "one rating for each pair",
    "fitting the ranking model",
    "fitting the neighbourhood",
    "fitting biases",
    "fitting the rating model",
    "writing the release",
    "verifying and promoting",
)
EVERYWHERE = [*STAGES[:6], *POINTS]
FEW = ["fitting the ranking model", "half of the release is written"]
OLD = "20260101-000000-aaaa"
PATIENCE = 600


class Job:
    """Training in its own folder, with its own temporary files."""

    def __init__(self, folder: Path):
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.store = ReleaseStore(folder / "releases")
        publish_tiny(self.store)
        data = ("--data", str(write_two_tastes(folder / "data")))
        place = ("--releases", str(self.store.folder))
        self._job = ["spark_jobs.train", *data, *place, *QUICK, "--promote", "always"]

    def run(self, *before: str) -> tuple[int, str]:
        """Run it; return exit status and output."""
        java = f"{BRISK} -Djava.io.tmpdir={self.temporary}"
        environ = {**os.environ, "TMPDIR": str(self.temporary), "JAVA_TOOL_OPTIONS": java}
        ended = subprocess.run(
            [sys.executable, "-m", *before, *self._job],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            start_new_session=True,
        )
        return ended.returncode, ended.stdout + ended.stderr

    def rubbish(self) -> set[str]:
        """Return leftover files: everything except releases and the pointer."""
        wanted = {"current.json", *self.store.versions()}
        places = (self.store.folder, self.temporary)
        return {path.name for place in places for path in place.iterdir()} - wanted


@pytest.mark.parametrize("points", [[p] for p in EVERYWHERE] if LONG else [FEW], ids=", ".join)
def test_killed_training_keeps_the_current_release_and_the_next_run_cleans_up(
    tmp_path: Path, points: list[str], record_job: RecordJob
) -> None:
    job = Job(tmp_path)
    for point in points:
        status, printed = job.run("tests.support.kill_job", point)
        assert status == -signal.SIGKILL, printed
        assert job.store.current().version == OLD
        assert job.store.read(OLD).version == OLD
        assert job.rubbish()  # so that there are files to remove
    began = time.monotonic()
    status, printed = job.run()
    assert status == 0, printed
    assert job.store.current().version == job.store.versions()[-1] != OLD
    assert job.rubbish() == set()
    record_job(f"training killed: {', '.join(points)}", time.monotonic() - began)


FIT = ("--ranking-iterations", "30", "--promote", "always")


def submitted(folder: Path, cluster: Path, master: str, kill: bool) -> Release:
    """Train on a cluster, and on request kill one of its two executors during the first fit."""
    folder.mkdir()
    place = ("--data", str(cluster / "data"), "--releases", str(folder / "releases"))
    submit = [PYSPARK / "bin" / "spark-submit", "--master", master, *SMALL]
    job = [*submit, ROOT / "spark_jobs" / "train.py", *place, *QUICK, *FIT]
    log = folder / "log"
    with log.open("w") as output:
        running = subprocess.Popen(
            job, cwd=folder, env=environment(folder), stdout=output, stderr=output
        )
    try:
        if kill:
            wait_for(log, "[2/7] one rating for each pair", running)
            time.sleep(1.0)
            before = executors(cluster)
            os.kill(min(before), signal.SIGKILL)
            assert len(before) == 2
            assert "[3/7]" not in log.read_text()
        assert running.wait(timeout=PATIENCE) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()
    store = ReleaseStore(folder / "releases")
    return store.read(store.current().version)


def wait_for(log: Path, line: str, running: subprocess.Popen[bytes]) -> None:
    while line not in log.read_text():
        assert running.poll() is None, log.read_text()
        time.sleep(0.05)


def test_model_is_identical_when_an_executor_is_killed_during_the_fit(
    tmp_path: Path, record_job: RecordJob
) -> None:
    cluster = tmp_path / "cluster"
    write_two_tastes(cluster / "data")
    with standalone_cluster(cluster, environment(cluster), workers=2) as master:
        undisturbed = submitted(tmp_path / "undisturbed", cluster, master, kill=False)
        began = time.monotonic()
        disturbed = submitted(tmp_path / "disturbed", cluster, master, kill=True)
        seconds = time.monotonic() - began
    for name in ("ranking_factors", "rating_factors", "item_bias"):
        one, other = getattr(undisturbed.arrays, name), getattr(disturbed.arrays, name)
        assert np.allclose(one, other, atol=1e-4)
    record_job("an executor killed in the middle of a fit", seconds)
