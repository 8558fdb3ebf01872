"""The progress of a job, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import io
import re
import time

import pytest
from pyspark.sql import SparkSession

from spark_jobs import progress
from spark_jobs.progress import ProgressBar

LINE = re.compile(r"\[(\d)/(\d)\] ([a-z ]+?) +█{24} +(\d+\.\d) s")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_writes_one_line_per_stage_to_a_log() -> None:
    log = io.StringIO()
    report = ProgressBar(2, log)
    with report.stage("reading"):
        assert log.getvalue() == ""
    with report.stage("fitting the model"):
        pass
    lines = [LINE.fullmatch(line) for line in log.getvalue().splitlines()]
    assert [line and line.groups() for line in lines] == [
        ("1", "2", "reading", "0.0"),
        ("2", "2", "fitting the model", "0.0"),
    ]


def test_progress_bar_measures_the_seconds_of_each_stage() -> None:
    report = ProgressBar(2, io.StringIO())
    with report.stage("long"):
        time.sleep(0.2)
    with report.stage("short"):
        pass
    assert list(report.seconds) == ["long", "short"]
    assert 0.2 <= report.seconds["long"] < 2
    assert report.seconds["short"] < 0.2


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_progress_bar_does_not_record_a_failed_stage(stream: type[io.StringIO]) -> None:
    shown = stream()
    report = ProgressBar(2, shown)
    with pytest.raises(ValueError, match="bad line"), report.stage("reading"):
        raise ValueError("bad line")
    assert report.seconds == {}
    assert "█" not in shown.getvalue()
    assert "\n" not in shown.getvalue()


def test_progress_bar_on_a_terminal_is_live_and_ends_as_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.01)
    screen = Terminal()
    report = ProgressBar(1, screen)
    with report.stage("reading"):
        deadline = time.monotonic() + 5
        while screen.getvalue().count("\r[1/1] reading") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    drawn, _, last = screen.getvalue().rpartition("\x1b[K\r")
    assert drawn.count("\r[1/1] reading") >= 2
    assert "█" not in drawn
    assert LINE.fullmatch(last.rstrip("\n"))
    assert screen.getvalue().count("\n") == 1


def test_progress_bar_is_not_full_while_the_stage_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(progress, "_share_done", lambda *_: 0.99)
    screen = Terminal()
    with ProgressBar(1, screen).stage("fitting", context=FakeContext()):  # type: ignore[arg-type]
        deadline = time.monotonic() + 5
        while "█" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        drawn = screen.getvalue()
    assert 1 <= drawn.count("█") // drawn.count("\r") < progress.WIDTH


class FakeContext:
    def setJobGroup(self, group: str, description: str) -> None:  # noqa: N802 - Spark's name
        pass


def test_progress_bar_follows_spark_stages_of_its_own_group(spark: SparkSession) -> None:
    context = spark.sparkContext
    with ProgressBar(1, io.StringIO()).stage("counting to ten", context, 4):
        assert progress._share_done(context, "counting to ten", 4) == 0.0
        spark.range(10).repartition(2).count()
        done = progress._share_done(context, "counting to ten", 4)
    assert 0.25 <= done < 1
    assert progress._share_done(context, "another stage", 4) == 0.0


def test_progress_bar_writes_to_the_current_stderr() -> None:
    with contextlib.redirect_stderr(io.StringIO()) as log, ProgressBar(1).stage("reading"):
        pass
    assert LINE.fullmatch(log.getvalue().rstrip("\n"))
