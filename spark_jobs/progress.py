"""Stages of a job on the terminal: a live bar where there is one, else a line a stage."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from pyspark import SparkContext

WIDTH = 24
LABEL = 38
REFRESH_SECONDS = 0.2


class ProgressBar:
    """Reports stages and remembers the seconds each took.

    ``total``: how many stages there will be. ``stream``: a terminal or a log (standard error).
    """

    def __init__(self, total: int, stream: TextIO | None = None):
        self.total = total
        self.seconds: dict[str, float] = {}
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()

    @contextmanager
    def stage(
        self,
        name: str,
        context: SparkContext | None = None,
        spark_stages: int = 0,
        ticks: int = 0,
    ) -> Iterator[Callable[[], None]]:
        """Time one stage; gives a function to call after each of its ``ticks``.

        Without ticks and with a ``context``, the bar follows the Spark stages it runs.
        """
        ticked = 0

        def tick() -> None:
            nonlocal ticked
            ticked += 1

        def share_done() -> float:
            if ticks:
                return min(0.99, ticked / ticks)
            return _share_done(context, name, spark_stages) if context is not None else 0.0

        label = f"[{len(self.seconds) + 1}/{self.total}] {name}"
        started = time.monotonic()
        finished = threading.Event()
        if context is not None:
            context.setJobGroup(name, name)
        watcher = threading.Thread(target=self._watch, args=(label, started, finished, share_done))
        if self._live:
            watcher.start()
        try:
            yield tick
            self.seconds[name] = round(time.monotonic() - started, 2)
        finally:
            finished.set()
            if self._live:
                watcher.join()
                self._stream.write("\r\x1b[K")
        self._write(label, 1.0, self.seconds[name], end="\n")

    def _watch(
        self,
        label: str,
        started: float,
        finished: threading.Event,
        share_done: Callable[[], float],
    ) -> None:
        while not finished.wait(REFRESH_SECONDS):
            self._write(label, share_done(), time.monotonic() - started, end="")

    def _write(self, label: str, done: float, seconds: float, end: str) -> None:
        full = int(WIDTH * done)
        bar = "█" * full + "░" * (WIDTH - full)
        start = "\r" if self._live else ""
        self._stream.write(f"{start}{label:<{LABEL}} {bar} {seconds:7.1f} s{end}")
        self._stream.flush()


def _share_done(context: SparkContext, group: str, expected: int) -> float:
    """Finished tasks of the group's stages over those of all its (expected) stages, below 1."""
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = [tracker.getStageInfo(s) for job in jobs if job is not None for s in job.stageIds]
    shares = [s.numCompletedTasks / max(1, s.numTasks) for s in stages if s is not None]
    return min(0.99, sum(shares) / max(expected, len(stages), 1))
