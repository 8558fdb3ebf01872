"""Sample the site's processes: memory, processor time, database connections."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from benchmarks.memory import family

TICKS = os.sysconf("SC_CLK_TCK")
SITE, DATABASE, PEOPLE = "site", "database", "people"


@dataclass(frozen=True)
class Sample:
    """``at``: seconds since the run began. ``pss``, ``rss``: MB by process id of each worker.
    ``processor``: seconds used so far, by program. ``connections``: to the database.
    ``pace``: milliseconds of processor time of a fixed computation, which other work on the
    machine makes longer."""

    at: float
    pss: dict[int, float]
    rss: dict[int, float]
    processor: dict[str, float]
    connections: int
    pace: float


class Watch:
    """Samples the site whose gunicorn is ``master``, on the database at ``url``, and the process
    ``people`` that sends the load. ``began``: start of the run, by time.perf_counter."""

    def __init__(self, master: int, people: int, url: str, began: float):
        self.began = began
        self._master = master
        self._people = people
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)
        backend = self._connection.info.backend_pid
        self._postgres = int(_field(Path(f"/proc/{backend}/status").read_text("ascii"), "PPid"))

    @property
    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self.began

    def sample(self) -> Sample:
        workers = [pid for pid in family(self._master) if pid != self._master]
        memory = {pid: _memory(pid) for pid in workers}
        [(connections,)] = self._connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchall()
        return Sample(
            at=self.now,
            pss={pid: pss for pid, (pss, _) in memory.items() if pss},
            rss={pid: rss for pid, (_, rss) in memory.items() if rss},
            processor={
                SITE: sum(map(_processor, family(self._master))),
                DATABASE: sum(map(_processor, family(self._postgres))),
                PEOPLE: _processor(self._people),
            },
            connections=connections - 1,  # except our own
            pace=_pace(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _pace() -> float:
    began = time.thread_time()
    sum(range(200_000))
    return 1000 * (time.thread_time() - began)


def _memory(pid: int) -> tuple[float, float]:
    """Return (PSS, RSS) in MB; 0 for a process that has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0.0, 0.0
    return int(_field(rollup, "Pss")) / 1e3, int(_field(rollup, "Rss")) / 1e3


def _processor(pid: int) -> float:
    """Return the processor seconds of a process and of its ended children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    assert match, name
    return match[1]
