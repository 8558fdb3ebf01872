"""Write RESULTS.md and RESULTS.json: one section per part, kept until that part runs again."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.memory import run_measured

HEAD = "# Results\n\nWritten by `make bench`; each part says when, and on what machine it ran.\n"
HEADING = re.compile(r"^## (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """The results of a part: lines of Markdown for people, figures by name for programs."""

    lines: Sequence[str]
    figures: dict[str, float]


@dataclass(frozen=True)
class Run:
    """One process: its figures, and the peak memory of it and its children, in GB."""

    figures: dict[str, Any]
    memory: float


def write(folder: Path, part: str, section: Section) -> None:
    """Replace the section of a part in both files."""
    now = f"{datetime.now(UTC):%Y-%m-%d}"
    text, numbers = folder / "RESULTS.md", folder / "RESULTS.json"
    sections = _sections(text.read_text("utf-8")) if text.exists() else {}
    sections[part.capitalize()] = "\n".join([f"{now}: {_machine()}.", "", *section.lines])
    figures = json.loads(numbers.read_text("utf-8")) if numbers.exists() else {}
    rounded = {name: round(figure, 3) for name, figure in section.figures.items()}
    figures[part] = {"date": now, **rounded}
    parts = [HEAD, *(f"## {name}\n\n{body}\n" for name, body in sorted(sections.items()))]
    text.write_text("\n".join(parts), encoding="utf-8")
    numbers.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    _, *pieces = HEADING.split(text)
    return {name: body.strip() for name, body in zip(pieces[::2], pieces[1::2], strict=True)}


def run(module: str, *arguments: object, **environ: str) -> Run:
    """Run a benchmark in its own process; parse its last line as JSON."""
    settings = [f"{name}={value}" for name, value in environ.items()]
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    finished = run_measured(["env", *settings, *command])
    return Run(json.loads(finished.output.splitlines()[-1]), finished.memory)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Format a table as lines of Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _machine() -> str:
    model = platform.processor() or "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text("utf-8").splitlines() if "model name" in line]
        model = names[0].partition(":")[2].strip() if names else model
    java = subprocess.run(  # the first java there is, as Spark takes it  # nosec B603 B607
        ["java", "-version"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    runtime = java.stderr.splitlines()[0] if java.stderr else "no Java"
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {runtime}"
