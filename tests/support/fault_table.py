"""For tests that break things: the table, at the end of the run, of what they measured."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.acknowledged_writes import LONG, Figures, Record, RecordJob

HEAD = ("fault", "requests", "failed", "seconds to recover", "acknowledged", "missing")
_ROWS: list[tuple[str, ...]] = []


@pytest.fixture
def record() -> Record:
    """Call it with a fault and its figures, for the table at the end of the run."""

    def keep(fault: str, figures: Figures) -> None:
        numbers = figures.requests, figures.failed, figures.acknowledged, figures.missing
        requests, failed, acknowledged, missing = (f"{number:,}" for number in numbers)
        _ROWS.append((fault, requests, failed, f"{figures.recovered:.1f}", acknowledged, missing))

    return keep


@pytest.fixture
def record_job() -> RecordJob:
    """The same of a fault of a job, of which there are no requests."""
    return lambda fault, seconds: _ROWS.append((fault, "–", "–", f"{seconds:.1f}", "–", "–"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _ROWS:
        return
    form = "long" if LONG else "short"
    terminalreporter.section(f"faults, {datetime.now(UTC):%Y-%m-%d}, {form} form")
    for row in (HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *_ROWS):
        terminalreporter.line(f"| {' | '.join(row)} |")
