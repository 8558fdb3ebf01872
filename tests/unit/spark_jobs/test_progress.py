"""The progress of a job, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import io
import re
from types import SimpleNamespace

import pytest
from pyspark.sql import SparkSession

from spark_jobs import progress
from spark_jobs.progress import ProgressBar
from tests.support.servers import wait_until

LINE = re.compile(r"\[(\d)/(\d)\] ([a-z ]+?) +█{24} +(\d+\.\d) s")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_writes_one_line_per_stage_to_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: 100.0))
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


def test_progress_bar_measures_the_seconds_of_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((100.0, 102.25, 103.0, 103.5))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    report = ProgressBar(2, io.StringIO())
    with report.stage("long"):
        pass
    with report.stage("short"):
        pass
    assert report.seconds == {"long": 2.25, "short": 0.5}


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
        wait_until(lambda: screen.getvalue().count("\r[1/1] reading") >= 2)
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
        wait_until(lambda: "█" in screen.getvalue())
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
