"""Item tables that a catalogue's configuration describes, in formats that only Spark reads."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from recommender.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
JOB = "spark_jobs.items"
ERROR = "error: "


@contextmanager
def items_described_in(config: Path) -> Iterator[Path]:
    """Give a file of the items that ``config`` describes, as ``sync_items`` takes it.

    A job reads them, in a process of its own: the site imports no Spark. What was odd in the table
    the job prints. Raises ConfigError where Spark is not installed, DataError where the job failed.
    """
    if find_spec("pyspark") is None:
        raise ConfigError(
            f"--config: Spark is not installed here; run `python -m {JOB} --config {config} --out"
            " items.jsonl` where it is, and give the site that file: flask sync-items items.jsonl"
        )
    with tempfile.TemporaryDirectory(prefix="marquee-items-") as folder:
        out = Path(folder) / "items.jsonl"
        job = [sys.executable, "-m", JOB, "--config", str(config.absolute()), "--out", str(out)]
        done = subprocess.run(  # our own command  # noqa: S603  # nosec B603
            job, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"{JOB} ended without a word"]
            said = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
            raise DataError((said or lines)[-1])
        print(done.stderr, end="", file=sys.stderr)
        yield out
