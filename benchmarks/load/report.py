"""Report on a load test: tables of what was measured, and verdicts on it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.load.answers import GOOD, Answer
from benchmarks.load.settings import Settings
from benchmarks.load.watch import Sample
from benchmarks.load.world import OLD
from benchmarks.results import markdown_table

# Fractions of a run: the part before the first is warm-up; early and late parts are compared.
WARM, EARLY, LATE = 0.1, (0.1, 0.35), (0.75, 1.0)
# Routes with fewer responses are not judged separately.
FEWEST = 20
# Checking a password needs 32 MB for a moment: the memory of a worker is the minimum of the
# samples within this number of seconds.
FLOOR_SECONDS = 30.0
# Once a release is in service its memory settles within this share of the run.
SETTLED = 0.1
# Noise of a machine causes ratios of 1.1, and 1 MB a minute up or down. A leak at each request is
# still visible: 2 KB for each of 1,500 requests a minute is 3 MB.
MOST_SLOWER, MOST_SLOWER_P95, MOST_MB_A_MINUTE = 1.25, 1.5, 2.0
MEDIAN, P95, P99 = 50, 95, 99
Timed = TypeVar("Timed", Answer, Sample)


@dataclass
class Run:
    """``minutes`` of responses and samples, in seconds since the start. ``missing``: number of
    ``acknowledged`` ratings that the database does not have."""

    minutes: float
    answers: list[Answer]
    samples: list[Sample]
    promoted_at: float = 0.0
    acknowledged: int = 0
    missing: int = 0

    @property
    def length(self) -> float:
        """Return the length in seconds."""
        return 60 * self.minutes

    def between(self, first: float, last: float) -> list[Answer]:
        """Return responses within a fraction of the run."""
        return _within(self.answers, first * self.length, last * self.length)

    def pace(self, first: float, last: float) -> float:
        """Return the median milliseconds of a fixed computation within a fraction of the run."""
        samples = _within(self.samples, first * self.length, last * self.length)
        return float(np.median([s.pace for s in samples])) if samples else float("nan")

    @property
    def failed(self) -> list[Answer]:
        return [a for a in self.answers if a.status not in GOOD]

    def has_served(self, release: str) -> bool:
        return any(answer.release == release for answer in self.answers)

    @property
    def swap(self) -> tuple[float, int]:
        """Return seconds until the last response of the old release, and failed requests."""
        old = [a.at for a in self.answers if a.release == OLD]
        until = max([self.promoted_at, *old])
        failed = [a for a in self.failed if self.promoted_at <= a.at <= until]
        return until - self.promoted_at, len(failed)

    @property
    def growth(self) -> float:
        """Return MB per minute of all workers together, after memory of the new release settled.

        The proportional set of one worker grows whenever another one releases shared pages.
        """
        since = self.promoted_at + self.swap[0] + SETTLED * self.length
        whole = range(ceil(since / FLOOR_SECONDS), int(self.length // FLOOR_SECONDS))
        memory: dict[int, list[float]] = defaultdict(list)
        for sample in self.samples:
            memory[int(sample.at // FLOOR_SECONDS)].append(sum(sample.pss.values()))
        parts = [part for part in whole if part in memory]
        if len(parts) < 2:
            return float("nan")
        minutes = [part * FLOOR_SECONDS / 60 for part in parts]
        return float(np.polyfit(minutes, [min(memory[part]) for part in parts], 1)[0])

    def line_of_minute(self, minute: float) -> str:
        """Return one line with the figures of the minute that begins then."""
        figures = self.of_minute(minute)
        return ", ".join(f"{name} {text}" for name, text in figures.items())

    def of_minute(self, minute: float) -> dict[str, str]:
        answers = _within(self.answers, 60 * minute, 60 * (minute + 1))
        samples = _within(self.samples, 60 * minute, 60 * (minute + 1))
        times = [a.seconds for a in answers]
        last, before = samples[-1], samples[0]
        used = {
            user: (seconds - before.processor[user]) / (last.at - before.at or 1)
            for user, seconds in last.processor.items()
        }
        return {
            "minute": f"{minute + 1:.0f}",
            "requests": f"{len(answers):,}",
            "failed": str(sum(a.status not in GOOD for a in answers)),
            **{f"{name}, ms": _ms(times, rank) for name, rank in RANKS.items()},
            "PSS, MB": f"{max(max(s.pss.values()) for s in samples):.0f}",
            "RSS, MB": f"{max(max(s.rss.values()) for s in samples):.0f}",
            "connections": str(max(s.connections for s in samples)),
            "arithmetic, ms": f"{np.median([s.pace for s in samples]):.1f}",
            **{f"{user}, % of a core": f"{100 * share:.0f}" for user, share in used.items()},
        }


def _within(records: Iterable[Timed], first: float, last: float) -> list[Timed]:
    """Return those from ``first`` until before ``last``, in seconds since the run began."""
    return [record for record in records if first <= record.at < last]


RANKS = {"median": MEDIAN, "p95": P95, "p99": P99}


@dataclass(frozen=True)
class Verdict:
    what: str
    seen: str
    wanted: str
    holds: bool


def write(settings: Settings, runs: Mapping[str, Run], output: Path) -> int:
    """Print and store the report; return 1 if a verdict fails, else 0."""
    results = verdicts(runs)
    parts = [_heading(settings), _verdicts(results), _by_route(runs)]
    parts += [_by_minute(name, run) for name, run in runs.items()]
    text = "\n\n".join(parts) + "\n"
    (output / "load.md").write_text(text, encoding="utf-8")
    samples = {name: [asdict(sample) for sample in run.samples] for name, run in runs.items()}
    (output / "samples.json").write_text(json.dumps(samples, indent=1), encoding="utf-8")
    print(text)
    return 0 if all(verdict.holds for verdict in results) else 1


def verdicts(runs: Mapping[str, Run]) -> list[Verdict]:
    results = [verdict for name, run in runs.items() for verdict in _of_run(name, run)]
    empty, full = runs.values()
    results.append(
        _at_most(
            "median, full to almost empty",
            _basket_ratio(full.between(WARM, 1), empty.between(WARM, 1), MEDIAN),
            full.pace(WARM, 1) / empty.pace(WARM, 1),
            MOST_SLOWER,
        )
    )
    return results


def _of_run(name: str, run: Run) -> Iterable[Verdict]:
    failed = run.failed
    broken = sum(a.status >= 500 for a in failed)
    yield Verdict(f"{name}: answers of 5xx", str(broken), "0", not broken)
    yield Verdict(f"{name}: other failures", str(len(failed) - broken), "0", len(failed) == broken)
    missing = f"{run.missing} of {run.acknowledged:,}"
    yield Verdict(f"{name}: acknowledged ratings missing", missing, "0", not run.missing)
    seconds, lost = run.swap
    swap = f"{lost} (all by the new one after {seconds:.0f} s)"
    yield Verdict(f"{name}: requests failed in the swap", swap, "0", not lost)
    growth = run.growth
    yield Verdict(
        f"{name}: memory of all workers",
        f"{growth:+.2f} MB a minute",
        f"≤ {MOST_MB_A_MINUTE:g}",
        growth <= MOST_MB_A_MINUTE,
    )
    early, late = run.between(*EARLY), run.between(*LATE)
    machine = run.pace(*LATE) / run.pace(*EARLY)
    for rank, bound in ((MEDIAN, MOST_SLOWER), (P95, MOST_SLOWER_P95)):
        what = f"{name}: {'median' if rank == MEDIAN else 'p95'}, late to early"
        yield _at_most(what, _basket_ratio(late, early, rank), machine, bound)


def _at_most(what: str, ratio: float, machine: float, bound: float) -> Verdict:
    """``machine``: the same ratio for a fixed computation, for information only."""
    value = f"{ratio:.2f} (the machine {machine:.2f})"
    return Verdict(what, value, f"≤ {bound:g}", ratio <= bound)


def _basket_ratio(answers: Sequence[Answer], baseline: Sequence[Answer], rank: float) -> float:
    """Return how many times longer ``answers`` took than ``baseline``: by route, weighted by
    requests, so that a different mix of routes does not look slower."""
    times, base_times = _seconds(answers), _seconds(baseline)
    routes = [r for r in times if min(len(times[r]), len(base_times.get(r, []))) >= FEWEST]
    weights = [len(times[route]) + len(base_times[route]) for route in routes]
    if not routes:
        return float("nan")
    first, second = (
        np.dot(weights, [np.percentile(seconds[route], rank) for route in routes])
        for seconds in (times, base_times)
    )
    return float(first / second)


def _seconds(answers: Iterable[Answer]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        times[answer.route].append(answer.seconds)
    return dict(sorted(times.items()))


def _heading(settings: Settings) -> str:
    return (
        f"`make load` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {settings.people} people for"
        f" {settings.minutes:g} minutes, twice; {settings.think_seconds:g} seconds between what a"
        f" person does; {settings.titles:,} titles; {settings.accounts:,} accounts and"
        f" {settings.ratings:,} ratings in the full database. {os.cpu_count()} cores, shared by the"
        " site, PostgreSQL and the people."
    )


def _verdicts(results: Sequence[Verdict]) -> str:
    rows = [[v.what, v.seen, v.wanted, "met" if v.holds else "**missed**"] for v in results]
    return "\n".join(markdown_table(["", "seen", "wanted", ""], rows))


def _by_route(runs: Mapping[str, Run]) -> str:
    times_of = {name: _seconds(run.between(WARM, 1)) for name, run in runs.items()}
    failed = [a.route for run in runs.values() for a in run.failed]
    names = ["requests", *(f"{name}, ms" for name in RANKS)]
    header = ["route", *(f"{run}: {name}" for run in runs for name in names), "ratio", "failed"]
    rows = []
    for route in sorted(set().union(*times_of.values())):
        row, medians = [f"`{route}`"], []
        for seconds in times_of.values():
            times = seconds.get(route, [])
            row += [f"{len(times):,}", *(_ms(times, rank) for rank in RANKS.values())]
            medians.append(np.median(times) if times else float("nan"))
        rows.append([*row, f"{medians[-1] / medians[0]:.2f}", str(failed.count(route))])
    return "\n".join(markdown_table(header, rows))


def _by_minute(name: str, run: Run) -> str:
    minutes = [run.of_minute(minute) for minute in range(int(run.minutes))]
    if not minutes:
        return f"{name}: not a whole minute."
    intro = f"By minute, {name}; promoted after {run.promoted_at / 60:.1f}; the largest worker:"
    table = markdown_table(list(minutes[0]), [list(minute.values()) for minute in minutes])
    return "\n".join([intro, "", *table])


def _ms(seconds: Sequence[float], rank: float) -> str:
    return f"{1000 * np.percentile(seconds, rank):.0f}" if seconds else "–"
