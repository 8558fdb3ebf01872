"""The gate: comparisons, rejections, and the release in service that stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from pyspark.sql import SparkSession

from recommender.storage.release import ParitySample, Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.config.configuration import Gate
from spark_jobs.evaluation import promotion_gate
from tests.support.datasets import QUICK, write_two_tastes
from tests.support.releases import tiny_release
from tests.support.training import Run, run

OLD, NEW = "20260101-000000-aaaa", "20260102-000000-bbbb"
LIMITS = Gate(floors={"RMSE": 0.9, "NDCG@10": 0.3}, margins={"RMSE": 0.01, "NDCG@10": 0.02})
HELD_OUT = {"seed": 0, "most": 2000, "people": 10}

# --- comparing and judging ---


def release(version: str, rmse: float, ndcg: float, **changes: Any) -> Release:
    metrics = {"held_out": HELD_OUT, "RMSE": rmse, "NDCG@10": ndcg}
    return tiny_release(version, **{"metrics": metrics, **changes})


def sample_of_one(item_id: int) -> ParitySample:
    """Return a parity sample of one user with one rating of five stars."""
    return ParitySample(
        user_ids=np.array([1]),
        starts=np.array([0, 1]),
        item_ids=np.array([item_id]),
        ratings=np.array([5.0], np.float32),
        ranking_vectors=np.zeros((1, 2), np.float32),
        rating_vectors=np.zeros((1, 2), np.float32),
    )


def reasons(new: Release, before: Release | None) -> list[str]:
    verdict = promotion_gate.judged({}, new, before, sample_of_one(1), LIMITS)["gate"]
    assert verdict["passed"] == (not verdict["reasons"])
    return list(verdict["reasons"])


@pytest.mark.parametrize(
    ("rmse", "ndcg", "expected"),
    [
        (0.9, 0.3, []),
        (0.91, 0.3, ["RMSE 0.9100 is above its floor of 0.9"]),
        (0.9, 0.29, ["NDCG@10 0.2900 is below its floor of 0.3"]),
    ],
)
def test_gate_rejects_metrics_worse_than_the_floor(
    rmse: float, ndcg: float, expected: list[str]
) -> None:
    assert reasons(release(NEW, rmse, ndcg), None) == expected


def test_gate_rejects_a_release_when_a_metric_with_floor_is_missing() -> None:
    unmeasured = release(NEW, 0.8, 0.4, metrics={"held_out": HELD_OUT, "RMSE": 0.8})
    assert reasons(unmeasured, None) == ["NDCG@10, which has a floor, could not be measured"]


def test_gate_accepts_a_release_worse_by_up_to_the_margin() -> None:
    before = release(OLD, 0.80, 0.40)
    assert reasons(release(NEW, 0.809, 0.381), before) == []
    assert reasons(release(NEW, 0.82, 0.37), before) == [
        f"RMSE 0.8200 is worse by more than 0.01 than the 0.8000 of {OLD}, in service",
        f"NDCG@10 0.3700 is worse by more than 0.02 than the 0.4000 of {OLD}, in service",
    ]


UNLIKE = {
    "unmeasured": ({"metrics": {}}, "was promoted without being measured"),
    "other data": (
        {"catalogue": replace(tiny_release().catalogue, name="other")},
        "was measured on other",
    ),
    "another seed": (
        {"metrics": {"held_out": {**HELD_OUT, "seed": 7}, "RMSE": 0.1, "NDCG@10": 1.0}},
        "was measured on people drawn differently",
    ),
}


@pytest.mark.parametrize(("changes", "note"), UNLIKE.values(), ids=UNLIKE)
def test_gate_does_not_compare_releases_measured_differently(
    changes: dict[str, Any], note: str
) -> None:
    new, before = release(NEW, 0.85, 0.35), release(OLD, 0.1, 1.0, **changes)
    compared = promotion_gate.judged({}, new, before, sample_of_one(1), LIMITS)["comparison"]
    assert compared["note"] == f"{OLD} {note}"
    assert "metrics" not in compared
    assert reasons(new, before) == []


def test_compare_reports_differences_and_list_overlap() -> None:
    before = release(OLD, 0.80, 0.40)
    compared = promotion_gate.compare(release(NEW, 0.79, 0.41), before, sample_of_one(1))
    assert compared["version"] == OLD
    assert compared["metrics"]["RMSE"] == {
        **{"now": 0.79, "before": 0.8, "difference": pytest.approx(-0.01)}
    }
    # The tiny catalogue has eight titles, of which seven are unrated: lists have fewer than ten.
    assert compared["lists"] == {"people": 1, "kept_of_10": 7.0, "share_unchanged": 1.0}


# --- through training ---


@pytest.fixture(scope="module")
def in_service(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("gate")
    return run(folder, "--data", str(write_two_tastes(folder / "ml")), *QUICK, promote="gate")


def again(before: Run, *arguments: str, promote: str = "gate") -> Run:
    folder = before.releases.parent
    return run(folder, "--data", str(folder / "ml"), *QUICK, *arguments, promote=promote)


def report(store: ReleaseStore, version: str) -> dict[str, Any]:
    text = (store.folder / version / "report" / "report.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


# Only popularity is left, which is useless in data of two tastes.
BAD = (
    *("--ranking-regularization", "1e6", "--rating-regularization", "1e6"),
    *("--neighbourhood-neighbours", "0"),
)


def test_gate_promotes_a_good_model_and_stores_metrics_in_the_manifest(
    in_service: Run,
) -> None:
    assert in_service.status == 0
    metrics = in_service.release.metrics
    assert metrics["held_out"] == {"seed": 0, "most": 2000, "people": 6}
    assert metrics["RMSE"] <= 1
    assert metrics["NDCG@10"] >= 0.1
    output = report(in_service.store, in_service.release.version)
    assert output["gate"]["passed"]
    assert output["comparison"] == {}
    assert output["command"].startswith("python -m spark_jobs.evaluate --protocol G,E --seeds 0")
    assert output["fold_in_curve"]["popularity"]
    assert output["sizes"]["ranking"] == list(in_service.release.arrays.ranking_factors.shape)
    assert output["exploration"]["data"]["ratings"] == in_service.release.catalogue.ratings


def test_gate_rejects_a_bad_model(in_service: Run) -> None:
    before = in_service.store.current()
    refused = again(in_service, *BAD)
    assert refused.status == 3
    assert "gate: NDCG@10 " in refused.err
    assert f"of {before.version}, in service" in refused.err
    assert refused.store.current() == before
    newest = refused.store.versions()[-1]
    assert newest != before.version
    assert f"Release {newest} is written, and not promoted" in refused.out
    assert f"flask releases promote {newest} --force" in refused.err
    output = report(refused.store, newest)
    assert output["gate"]["reasons"]
    page = refused.store.folder / newest / "report" / "index.html"
    assert "It is not good enough to go into service." in page.read_text(encoding="utf-8")
    assert output["comparison"]["metrics"]["NDCG@10"]["difference"] < 0
    assert 0 <= output["comparison"]["lists"]["kept_of_10"] < 10


def test_promote_never_keeps_the_current_release(in_service: Run) -> None:
    before = in_service.store.current()
    kept = again(in_service, promote="never")
    assert kept.status == 0
    assert kept.store.current() == before
    assert kept.store.versions()[-1] != before.version
    assert kept.store.read(kept.store.versions()[-1]).metrics["held_out"]


def test_promote_always_promotes_a_bad_model_without_evaluation(
    spark: SparkSession, tmp_path: Path
) -> None:
    data = ("--data", str(write_two_tastes(tmp_path / "ml")))
    promoted = run(tmp_path, *data, *QUICK, *BAD, promote="always")
    assert promoted.status == 0
    assert promoted.release.metrics == {}
    assert promoted.release.folder
    assert not (promoted.release.folder / "report").exists()


def test_gate_reports_too_few_users_before_fitting(spark: SparkSession, tmp_path: Path) -> None:
    few = write_two_tastes(tmp_path / "ml", people=5)
    ended = run(tmp_path, "--data", str(few), *QUICK, promote="gate")
    assert ended.status == 2
    assert "protocol G, seed 0: 1 people to test on" in ended.err
    assert "--promote always" in ended.err
    assert "fitting" not in ended.err
    assert not ended.releases.exists()
