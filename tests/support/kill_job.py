"""Run a job and kill it, with all its processes, when it reaches a stage or a point.

python -m tests.support.kill_job "fitting biases" spark_jobs.train --data …
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from spark_jobs.progress import ProgressBar

# Seconds after the start of a stage, so that its work is in progress; at its end at the latest.
DELAY = 0.2
# Function whose first call marks the point, by the name of the point.
POINTS: dict[str, tuple[Any, str]] = {
    "half of the release is written": (np, "savez_compressed"),
    "the release is written": (Path, "rename"),
    "the pointer is written": (Path, "replace"),
}


def die(*_: object, **__: object) -> None:
    os.killpg(0, signal.SIGKILL)


def strike_at(where: str) -> None:
    if where in POINTS:
        setattr(*POINTS[where], die)
        return
    stage: Callable[..., Any] = ProgressBar.stage

    @contextmanager
    def killed(self: ProgressBar, name: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        if name == where:
            threading.Timer(DELAY, die).start()
        with stage(self, name, *arguments, **options) as tick:
            yield tick
            if name == where:
                die()

    ProgressBar.stage = killed  # type: ignore[method-assign]


if __name__ == "__main__":
    strike_at(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
