"""What the commands of the README and the manual write is not committed by `git add .`."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.site import ROOT

WRITTEN = """
    data/ml-latest-small/ratings.csv releases/current.json games-releases/current.json
    instance/games.db exported/ratings.csv best/part-0.parquet tuned.yaml ours.yaml tuning.jsonl
    evaluation.json evaluation-20260101-000000.html exploration.html dist/jobs.zip .env
""".split()


@pytest.mark.parametrize("path", WRITTEN)
def test_written_file_is_ignored(path: str) -> None:
    done = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False)
    assert done.returncode == 0
