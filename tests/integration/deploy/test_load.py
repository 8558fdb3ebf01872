"""The load test: a few users for a few seconds, and the report's verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.load import report
from benchmarks.load.answers import Answer, acknowledged_ratings, read_answers
from benchmarks.load.report import Run, verdicts
from benchmarks.load.run import run
from benchmarks.load.settings import Settings
from benchmarks.load.watch import Sample
from benchmarks.load.world import NEW, OLD, titles
from tests.support.databases import Server

SMALL = Settings(people=12, minutes=0.1, titles=300, think_seconds=0.5)


@pytest.fixture(scope="module")
def small_run(servers: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a few seconds on PostgreSQL."""
    items = titles(SMALL.titles, np.random.default_rng(1))
    place = tmp_path_factory.mktemp("load")
    return run(servers("postgresql"), place, 40, 2_000, items, SMALL)


def test_load_run_has_no_failed_request(small_run: Run) -> None:
    assert small_run.failed == []
    routes = {answer.route for answer in small_run.answers}
    assert routes >= {"GET /", "GET /poster/…", "POST /title/…/rating"}
    assert routes & {"POST /login", "POST /register"}
    assert any(route.startswith("GET /api/v1/") for route in routes)
    assert small_run.acknowledged
    assert not small_run.missing


def test_load_run_is_served_by_both_releases(small_run: Run) -> None:
    assert {answer.release for answer in small_run.answers} >= {OLD, NEW}
    seconds, failed = small_run.swap
    assert 0 < seconds < 60
    assert not failed


def test_load_run_samples_workers_and_database(small_run: Run) -> None:
    for sample in small_run.samples:
        assert len(sample.pss) == 2
        assert all(10 < sample.pss[pid] <= sample.rss[pid] for pid in sample.pss)
        assert sample.connections
        assert min(sample.processor.values()) > 0
        assert sample.pace > 0


def test_settings_give_both_databases_the_same_ratings_per_user() -> None:
    settings = Settings.of({"PEOPLE": "50", "ACCOUNTS": "1000", "RATINGS": "90000"})
    assert (settings.few_accounts, settings.few_ratings) == (100, 9_000)


def test_acknowledged_ratings_are_read_with_those_sent_after_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    route = "POST /title/…/rating"
    file.write_text(
        f"11,GET /,200,0.5,{OLD},,,\n12,{route},200,0.5,,ann,7,2\n"
        f"13,{route},0,60,,ann,7,4.5\n14,{route},503,0.5,,bob,7,3\n15,GET /,2"
    )
    answers = read_answers(file, began=10)
    assert [answer.at for answer in answers] == [1, 2, 3, 4]
    assert [answer.status for answer in answers] == [200, 200, 0, 503]
    assert answers[0] == Answer(1, "GET /", 200, 0.5, OLD)
    assert acknowledged_ratings(answers) == {("ann", 7): (2.0, {4.5})}


# One minute with a hundred requests of 10 ms each, two workers of 100 MB.
ANSWERS = [Answer(0.6 * n, "GET /", 200, 0.01, OLD if n < 50 else NEW) for n in range(100)]
SAMPLES = [
    Sample(float(at), {1: 100.0, 2: 100.0}, {1: 150.0, 2: 150.0}, {"site": 0.5 * at}, 4, 3.0)
    for at in range(0, 60, 5)
]
QUIET = Run(1, ANSWERS, SAMPLES, promoted_at=29.0, acknowledged=3)


def slower(answers: list[Answer], since: float) -> list[Answer]:
    return [replace(a, seconds=0.02) if a.at >= since else a for a in answers]


@pytest.fixture(autouse=True)
def a_small_run_says_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FEWEST", 5)
    monkeypatch.setattr(report, "FLOOR_SECONDS", 10)


@pytest.mark.parametrize(
    ("full", "missed"),
    [
        (QUIET, []),
        (
            replace(QUIET, answers=[*ANSWERS, Answer(40, "GET /", 503, 0.01, None)]),
            ["full: answers of 5xx"],
        ),
        (
            replace(QUIET, answers=[*ANSWERS, Answer(40, "GET /", 0, 60, None)]),
            ["full: other failures"],
        ),
        (
            replace(QUIET, answers=[*ANSWERS, Answer(29.2, "GET /", 429, 0.01, None)]),
            ["full: other failures", "full: requests failed in the swap"],
        ),
        (replace(QUIET, missing=1), ["full: acknowledged ratings missing"]),
        (
            replace(QUIET, samples=[replace(s, pss={1: 100 + s.at / 20, 2: 90}) for s in SAMPLES]),
            ["full: memory of all workers"],
        ),
        (
            replace(QUIET, answers=slower(ANSWERS, since=45)),
            ["full: median, late to early", "full: p95, late to early"],
        ),
        (replace(QUIET, answers=slower(ANSWERS, since=0)), ["median, full to almost empty"]),
    ],
)
def test_verdicts_name_the_missed_criteria(full: Run, missed: list[str]) -> None:
    results = verdicts({"almost empty": QUIET, "full": full})
    assert [verdict.what for verdict in results if not verdict.holds] == missed


def test_verdicts_ignore_a_changed_mix_of_routes() -> None:
    """Late in the run there are only requests for slow pages, which are as slow as before."""
    slow = [replace(a, route="GET /ratings", seconds=0.1) for a in ANSWERS]
    mixed = [*ANSWERS[:45], *slow]
    results = verdicts({"almost empty": QUIET, "full": replace(QUIET, answers=mixed)})
    assert [verdict.what for verdict in results if not verdict.holds] == []


def test_growth_ignores_momentary_memory_use() -> None:
    """Every other sample is taken during a password check, the last one in both workers."""
    spikes = [replace(s, pss={1: 132.0, 2: 132.0}) if s.at % 10 else s for s in SAMPLES]
    assert replace(QUIET, samples=spikes).growth == pytest.approx(0)


def test_growth_ignores_a_single_last_sample() -> None:
    """The sample after the end of the run is taken during a password check."""
    last = replace(SAMPLES[-1], at=60.1, pss={1: 132.0, 2: 100.0})
    assert replace(QUIET, samples=[*SAMPLES, last]).growth == pytest.approx(0)


def test_verdicts_report_a_slower_machine_without_excusing_the_site() -> None:
    late = [replace(s, pace=6.0) if s.at >= 45 else s for s in SAMPLES]
    slow = replace(QUIET, answers=slower(ANSWERS, since=45), samples=late)
    results = {verdict.what: verdict for verdict in verdicts({"almost empty": QUIET, "full": slow})}
    median = results["full: median, late to early"]
    assert (median.seen, median.holds) == ("2.00 (the machine 2.00)", False)


def test_verdicts_fail_when_there_are_too_few_answers() -> None:
    results = verdicts({"almost empty": QUIET, "full": replace(QUIET, answers=ANSWERS[:3])})
    missed = {verdict.what for verdict in results if not verdict.holds}
    assert "median, full to almost empty" in missed


def test_report_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = {"almost empty": QUIET, "full": replace(QUIET, missing=1)}
    assert report.write(SMALL, runs, tmp_path) == 1
    text = (tmp_path / "load.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert "| full: acknowledged ratings missing | 1 of 3 | 0 | **missed** |" in text
    assert "| `GET /` | 90 | 10 | 10 | 10 | 90 | 10 | 10 | 10 | 1.00 | 0 |" in text
    assert "| 1 | 100 | 0 | 10 | 10 | 10 | 100 | 150 | 4 | 3.0 | 50 |" in text
    assert '"connections": 4' in (tmp_path / "samples.json").read_text(encoding="utf-8")


def test_generated_items_have_titles_years_and_genres() -> None:
    items = titles(50, np.random.default_rng(3))
    assert [item.item_id for item in items] == list(range(1, 51))
    assert all(item.title.istitle() and item.year and item.genres for item in items)
