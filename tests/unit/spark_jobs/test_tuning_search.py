"""The search halves its candidates from fold to fold, and ends in time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recommender.params import ModelParams, RankingParams
from spark_jobs.config.configuration import Config
from spark_jobs.tuning import search
from spark_jobs.tuning.outcome import ranked, table
from spark_jobs.tuning.results import TuningResults

# The better the larger the rank is.
CANDIDATES: list[ModelParams] = [RankingParams(rank=rank) for rank in (1, 2, 3, 4, 5, 6, 7, 8)]
CONFIGURED = CANDIDATES[0]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands in for the time; each fit takes a second, and its measure is its rank."""
    clock = Clock()

    def measure(
        model: str, _stars: Any, _cases: Any, _training: Any, settings: Config, _: Any
    ) -> float:
        clock.now += 1
        return float(settings.ranking.rank)

    monkeypatch.setattr(search, "time", clock)
    monkeypatch.setattr(search, "measure", measure)
    return clock


def run(tmp_path: Path, deadline: float) -> dict[ModelParams, list[float]]:
    stars = SimpleNamespace(unpersist=lambda: None)
    fold: Any = SimpleNamespace(fitted=lambda: stars, cases=None)
    results = TuningResults(tmp_path / "tuning.jsonl", {})
    training: Any = None
    found = search.Search("ranking", CANDIDATES, [fold] * 3, {}, results, deadline)
    return found.run(training, Config(ranking=RankingParams(rank=1)))


def ranks(measured: dict[ModelParams, list[float]], folds: int) -> list[int]:
    """The ranks of the candidates that were measured on so many folds."""
    return [p.rank for p in measured if len(measured[p]) == folds and isinstance(p, RankingParams)]


def test_search_tries_the_better_half_on_the_next_fold_and_keeps_the_configured(
    clock: Clock, tmp_path: Path
) -> None:
    measured = run(tmp_path, deadline=1e9)
    assert ranks(measured, 3) == [1, 6, 7, 8]
    assert ranks(measured, 2) == [5]
    assert ranks(measured, 1) == [2, 3, 4]
    assert ranked("ranking", measured)[0] == CANDIDATES[-1]


def test_fold_that_was_not_finished_in_time_does_not_count(clock: Clock, tmp_path: Path) -> None:
    measured = run(tmp_path, deadline=9.5)  # in the second fold
    assert ranks(measured, 1) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len((tmp_path / "tuning.jsonl").read_text().splitlines()) == 10  # kept for the next time


def test_first_fold_counts_as_far_as_it_came(clock: Clock, tmp_path: Path) -> None:
    measured = run(tmp_path, deadline=2.5)
    assert ranks(measured, 1) == [1, 2, 3]
    assert ranks(measured, 0) == [4, 5, 6, 7, 8]
    assert [p.rank for p in ranked("ranking", measured) if isinstance(p, RankingParams)] == [
        3,
        2,
        1,
    ]


def test_results_of_each_fit_are_written_at_once(clock: Clock, tmp_path: Path) -> None:
    run(tmp_path, deadline=0.5)
    (line,) = (tmp_path / "tuning.jsonl").read_text().splitlines()
    assert json.loads(line)["value"] == 1.0


def test_table_says_after_how_many_folds_a_candidate_was_left_out() -> None:
    shown = table({"ranking": {CONFIGURED: [0.1, 0.2], CANDIDATES[1]: [0.3], CANDIDATES[2]: []}})
    assert shown.splitlines()[1].endswith(
        "over 2 folds; means over fewer folds, of candidates left out, do not compare with them"
    )
    assert [line.split() for line in shown.splitlines()[2:4]] == [
        ["0.1500", "±0.0707", "rank", "1", "best,", "as", "configured"],
        ["0.3000", "rank", "2", "left", "out", "after", "1", "fold"],
    ]
