"""Training, the gate and the batch lists with releases in S3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recommender.storage import s3
from recommender.storage.s3_release_store import open_store
from spark_jobs import recommend, train
from tests.support.aws import FaultProxy
from tests.support.datasets import QUICK, write_two_tastes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest_plugins = ["tests.support.fixtures.s3"]


def test_train_publishes_to_s3_and_uses_the_current_release_for_warm_start_and_gate(
    spark: SparkSession,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RELEASE_CACHE", str(tmp_path / "cache"))
    data, place = str(write_two_tastes(tmp_path / "data")), f"{bucket}/releases"
    given = ["--data", data, "--releases", place]
    assert train.main([*given, *QUICK, "--promote", "always"]) == 0
    store = open_store(place, str(tmp_path / "serving"))
    first = store.current().version
    assert train.main([*given, *QUICK, "--warm-start", "--promote", "never"]) == 0
    assert store.current().version == first
    assert "from scratch" not in capsys.readouterr().err
    second = store.versions()[-1]
    assert store.versions() == [first, second]
    report, _ = s3.read(f"{place}/{second}/report/report.json") or (b"", "")
    assert json.loads(report)["comparison"]["version"] == first
    assert store.promote(second).previous == first
    out = str(tmp_path / "lists")
    assert recommend.main([*given, "--n", "2", "--out", out]) == 0
    assert f"by release {second}" in capsys.readouterr().out


def test_train_rejects_a_missing_bucket_before_reading_data(
    proxy: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data", str(tmp_path / "nowhere"), "--releases", "s3://no-such-bucket/releases"]
    assert train.main(given) == 2
    output = capsys.readouterr().err
    assert output.startswith("error: s3://no-such-bucket/releases: ")
    assert "create the bucket, or correct the address" in output
    assert output.count("\n") == 1
