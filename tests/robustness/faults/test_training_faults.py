"""Killed trainings: the release in service stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recommender.storage.release_store import ReleaseStore
from tests.support.acknowledged_writes import LONG, RecordJob
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.java_options import BRISK
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
