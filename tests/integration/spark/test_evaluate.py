"""The evaluation job: its tables on a small folder, and its errors."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs import evaluate
from tests.support.datasets import QUICK, two_tastes, write_csv, write_files, write_two_tastes


def write_100k(folder: Path) -> Path:
    """The layout of MovieLens 100k: u.data and u.item."""
    rows = "".join(f"{u}\t{i}\t{int(r)}\t{at}\n" for u, i, r, at in two_tastes())
    genres = "|".join(["0"] * 18 + ["1"])
    items = "".join(f"{i}|Film {i} (1990)|01-Jan-1990||http://x|{genres}\n" for i in range(1, 21))
    return write_files(folder, {"u.data": rows, "u.item": items})


def measured(tmp_path: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    out = tmp_path / "evaluation.json"
    given = ["--data", str(folder), "--out", str(out), *QUICK, *arguments]
    assert evaluate.main(given) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def mean(report: dict[str, Any], protocol: str, contender: str, metric: str) -> float:
    return report["protocols"][protocol][contender][metric]["mean"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_tastes(tmp_path_factory.mktemp("evaluate") / "ml")


@dataclass(frozen=True)
class Evaluated:
    """A report, its page, and what was printed."""

    report: dict[str, Any]
    page: str
    printed: str


@pytest.fixture(scope="module")
def evaluated(
    spark: SparkSession, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Evaluated:
    """Three protocols with two seeds."""
    place = tmp_path_factory.mktemp("evaluated")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        report = measured(place, folder, "--seeds", "0,1", "--protocol", "a,b,e")
    page = (place / "evaluation.html").read_text(encoding="utf-8")
    return Evaluated(report, page, printed.getvalue())


def test_evaluate_measures_marquee_better_than_baselines(evaluated: Evaluated) -> None:
    report = evaluated.report
    assert "Predicted stars" in evaluated.page
    assert report["exploration"]["rated_titles"] == 20
    assert "Most rated" in evaluated.page
    assert report["seconds"]["fitting the ranking model"] > 0
    assert mean(report, "A", "Marquee", "RMSE") < mean(report, "A", "biases alone", "RMSE")
    assert mean(report, "B", "Marquee", "NDCG@10") > mean(report, "B", "popularity", "NDCG@10")
    assert 0 < mean(report, "E", "Marquee", "coverage@10") <= 1
    assert 1 < mean(report, "E", "Marquee", "stars of hits@10") < 5
    above = report["differences"]["B"]["popularity"]["NDCG@10"]
    difference = mean(report, "B", "Marquee", "NDCG@10") - mean(
        report, "B", "popularity", "NDCG@10"
    )
    assert above["difference"] == pytest.approx(difference, abs=0.05)
    assert 0 < above["low"] < above["difference"] < above["high"]
    assert "NDCG@10 after 1" in report["differences"]["E"]["popularity"]
    first, *_ = report["fold_in_curve"]["Marquee"]
    assert first["ratings"] == 1
    assert first["low"] <= first["ndcg"] <= first["high"]
    assert len(report["protocols"]["A"]["Marquee"]["RMSE"]["seeds"]) == 2
    assert "A. Stars" in evaluated.printed
    assert "Again: python -m spark_jobs.evaluate --data" in evaluated.printed


def test_protocol_c_reads_the_100k_layout_and_names_the_report_by_time(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_100k(tmp_path / "ml")
    given = ["--data", str(folder), *QUICK, "--protocol", "C", "--seeds", "0"]
    assert evaluate.main(given) == 0
    (page,) = tmp_path.glob("evaluation-*-*.html")
    assert (tmp_path / "evaluation.html").resolve() == page
    assert "±" not in capsys.readouterr().out
    report = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert list(report["protocols"]) == ["C"]
    assert set(report["protocols"]["C"]["Marquee"]) == {
        *("NDCG@10", "recall@20", "precision@10", "recall@10", "MAP@10")
    }


def test_protocol_g_measures_ratings_and_lists_of_the_same_users(
    spark: SparkSession, folder: Path, tmp_path: Path
) -> None:
    report = measured(tmp_path, folder, "--protocol", "G,E", "--seeds", "0")
    assert list(report["protocols"]) == ["G", "E"]
    assert {"RMSE", "PR-AUC", "NDCG@10", "MAP@10"} <= set(report["protocols"]["G"]["Marquee"])
    assert report["people"] == 6
    assert set(report["fold_in_curve"]) == {"Marquee", "popularity"}


def write_over_time(folder: Path) -> Path:
    """Two tastes; everyone up to user 36 rates film after film, the others come at the end."""
    rows = [
        (user, item, stars, 100_000 * item + user if user <= 36 else 10_000_000 + 100 * user + item)
        for user, item, stars, _ in two_tastes(40)
    ]
    return write_csv(folder, rows, {item: f"Film {item} (2000)" for item in range(1, 21)})


def test_protocol_t_measures_later_ratings_newcomers_and_older_releases(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_over_time(tmp_path / "ml")
    report = measured(tmp_path, folder, "--protocol", "T", "--seeds", "0")
    assert {"Marquee", "popularity", "EASE, 4 and up"} <= set(report["protocols"]["T"])
    assert report["newcomers_curve"]["Marquee"][0]["ratings"] == 1
    days = [row["days"] for row in report["ageing"]]
    assert days == sorted(days, reverse=True)
    assert days[-1] == 0
    assert all(row["gain_anew"]["people"] > 0 for row in report["ageing"][:-1])
    assert report["ageing_sentence"] in capsys.readouterr().out
    assert "How fast a release ages" in (tmp_path / "evaluation.html").read_text("utf-8")


def test_protocol_n_orders_new_titles_by_counts_and_by_content(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = write_two_tastes(tmp_path / "ml", people=90, films=24)
    report = measured(tmp_path, folder, "--protocol", "N", "--seeds", "0")
    folded = [f"folded in, {n} raters" for n in (2, 5, 10, 20)]
    again = [f"fitted again, {n} raters" for n in (10, 20)]
    assert set(report["protocols"]["N"]) == {
        *("popularity", "genres, decade and creators", "folded in, 1 rater"),
        *folded,
        *again,
    }
    for name in report["protocols"]["N"]:
        assert 0 <= mean(report, "N", name, "new-title AUC") <= 1
    assert report["people"] > 0


def test_protocol_t_is_refused_when_all_ratings_have_one_time(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(user, item, stars, 0) for user, item, stars, _ in two_tastes()]
    write_csv(tmp_path / "ml", rows, {i: f"Film {i}" for i in range(1, 21)})
    assert evaluate.main(["--data", str(tmp_path / "ml"), *QUICK, "--protocol", "T"]) == 2
    assert "their times do not differ" in capsys.readouterr().err.splitlines()[-1]


def test_validation_split_measures_other_ratings(
    evaluated: Evaluated, folder: Path, tmp_path: Path
) -> None:
    report = measured(tmp_path, folder, "--protocol", "A", "--seeds", "0", "--validation")
    assert report["validation"]
    (of_the_test, _) = evaluated.report["protocols"]["A"]["Marquee"]["MAE"]["seeds"]
    assert mean(report, "A", "Marquee", "MAE") != of_the_test


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--protocol", "A,X"), "--protocol: 'X' is none of A, B, C, D, E, G, T, N"),
        (("--seeds", "one"), "--seeds: 'one' must be like 0,1,2"),
        (("--out", "evaluation.html"), "--out: 'evaluation.html' must be a .json file in a folder"),
        (("--seeds", "-1"), "--seeds: must be 0 or more, not -1"),
    ],
)
def test_evaluate_prints_a_one_line_error_when_arguments_are_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    assert evaluate.main(["--data", str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {expected}")


def test_evaluate_rejects_a_fold_without_positives_before_fitting(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(u, i, 3.5, 0) for u in range(1, 21) for i in range(1, 11)]
    write_csv(tmp_path / "ml", rows, {i: f"Film {i}" for i in range(1, 11)})
    assert evaluate.main(["--data", str(tmp_path / "ml"), *QUICK]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "protocol A, seed 0:" in last
    assert "0 of them with a held-out rating of 4 or more" in last
