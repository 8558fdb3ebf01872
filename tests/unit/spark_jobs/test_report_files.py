"""Names of reports, and their tables in the terminal."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.evaluation.tables import summarize, tables
from spark_jobs.filesystem import link_newest, new_report
from tests.support.datasets import write_files

NOW = datetime(2026, 11, 30, 20, 45, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_new_report_has_a_name_for_each_run(folder: Path) -> None:
    assert new_report("evaluation", NOW) == Path("evaluation-20261130-2045.json")
    write_files(folder, {"evaluation-20261130-2045.json": "first"})
    assert new_report("evaluation", NOW) == Path("evaluation-20261130-2045-2.json")
    write_files(folder, {"evaluation-20261130-2045-2.html": "second"})
    assert new_report("evaluation", NOW) == Path("evaluation-20261130-2045-3.json")


def test_link_newest_follows_the_last_run(folder: Path) -> None:
    for name in ("evaluation-1.html", "evaluation-2.html"):
        write_files(folder, {name: name})
        assert link_newest(Path(name), "evaluation") == Path("evaluation.html")
        assert (folder / "evaluation.html").read_text() == name
    assert len(list(folder.iterdir())) == 3


def test_link_newest_keeps_a_file_of_an_earlier_version(folder: Path) -> None:
    for suffix in (".json", ".html"):
        write_files(folder, {f"evaluation{suffix}": "before", f"evaluation-1{suffix}": "new"})
        os.utime(f"evaluation{suffix}", (NOW.timestamp(),) * 2)
        link_newest(Path(f"evaluation-1{suffix}"), "evaluation")
        assert (folder / f"evaluation{suffix}").read_text() == "new"
        assert (folder / f"evaluation-20261130-2045{suffix}").read_text() == "before"


def report(seeds: list[int]) -> dict[str, Any]:
    values = {"Marquee": {"RMSE": [0.8 + seed / 10 for seed in seeds]}}
    return {
        "data": {"name": "tiny"},
        "seeds": seeds,
        "validation": False,
        "protocols": {"A": summarize(values)},
        "differences": {},
        "fold_in_curve": {},
        "notes": [],
    }


def test_tables_show_no_spread_for_one_seed() -> None:
    shown = tables(report([0]))
    assert shown.startswith("tiny, test splits, seed 0\n")
    assert "0.8000" in shown
    assert "±" not in shown


def test_tables_show_the_spread_of_several_seeds() -> None:
    shown = tables(report([0, 1]))
    assert shown.startswith("tiny, test splits, seeds 0, 1: mean ± standard deviation\n")
    assert "0.8500 ±0.0707" in shown
