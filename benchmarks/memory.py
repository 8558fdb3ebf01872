"""Run a command and measure the memory of it and its children."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN = 0.5


@dataclass(frozen=True)
class Finished:
    """``memory``: the peak in GB, with shared pages counted once."""

    output: str
    memory: float


def run_measured(command: Sequence[str]) -> Finished:
    """Run a command; raise SystemExit with its last output if it fails."""
    process = subprocess.Popen(  # our own command  # noqa: S603  # nosec B603
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(SECONDS_BETWEEN):
            most = max(most, sum(map(held, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, errors = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    return Finished(output, most / 1e6)


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text("ascii").split())
            except OSError:
                continue
    return found


def held(pid: int, measure: str = "Pss") -> int:
    """Return the memory of a process in kB, 0 if it has ended.

    ``Pss`` divides a page among the processes that share it, ``Rss`` counts it for each.
    """
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0
    found = re.search(rf"^{measure}:\s+(\d+)", rollup, re.MULTILINE)
    return int(found.group(1)) if found else 0
