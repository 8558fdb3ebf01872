"""Exploration: figures of a small folder, and the page that shows them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs import explore
from tests.support.datasets import MOVIES_HEADER, RATINGS_HEADER, write_files
from tests.support.own_catalogue import artist, music

# 2000-01-01, 2000-02-01 and 2000-03-01.
JANUARY, FEBRUARY, MARCH = 946_684_800, 949_363_200, 951_868_800
RATINGS = f"""\
1,1,5.0,{JANUARY}
1,2,3.0,{JANUARY}
2,1,4.0,{FEBRUARY}
2,1,4.5,{MARCH}
3,1,0.5,{MARCH}
"""
MOVIES = """\
1,"Matrix, The (1999)",Comedy|Drama
2,A <b>bold</b> one,Drama
3,Never rated (2000),Western
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"ratings.csv": RATINGS_HEADER + RATINGS, "movies.csv": MOVIES_HEADER + MOVIES}
    return write_files(tmp_path / "films", files)


@pytest.fixture
def explored(
    spark: SparkSession, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], str, str]:
    """The figures, the page and what was printed."""
    out = tmp_path / "exploration.json"
    assert explore.main(["--data", str(folder), "--out", str(out)]) == 0
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    return json.loads(out.read_text(encoding="utf-8")), page, capsys.readouterr().out


def test_explore_equals_figures_computed_by_hand(explored: tuple[dict[str, Any], str, str]) -> None:
    output, _, _ = explored
    assert (output["data"]["ratings"], output["data"]["users"], output["data"]["items"]) == (
        4,
        3,
        3,
    )
    assert (output["rated_titles"], output["repeated"]) == (2, 1)
    assert output["density"] == pytest.approx(4 / 6)
    assert output["mean"] == pytest.approx(13 / 4)
    given = {row["stars"]: row["ratings"] for row in output["histogram"]}
    assert list(given) == [n / 2 for n in range(1, 11)]
    assert {stars for stars, ratings in given.items() if ratings} == {0.5, 3.0, 4.5, 5.0}
    assert output["months"] == [
        {"month": "2000-01", "ratings": 2, "mean": 4.0},
        {"month": "2000-02", "ratings": 1, "mean": 4.0},
        {"month": "2000-03", "ratings": 2, "mean": 2.5},
    ]
    people = output["people"]
    assert (people["median"], people["least"], people["most"], people["once"]) == (1, 1, 2, 2)
    assert people["half"] == 1  # one of the three gave two of the four
    assert output["titles"]["curve"] == [{"rank": 1, "ratings": 3}, {"rank": 2, "ratings": 1}]
    assert output["genres"] == [
        {"genre": "Drama", "titles": 2, "ratings": 4, "mean": 13 / 4},
        {"genre": "Comedy", "titles": 1, "ratings": 3, "mean": pytest.approx(10 / 3)},
    ]
    first, second = output["best_rated"]
    assert (first["title"], first["year"]) == ("The Matrix", 1999)
    assert first["shrunken"] == pytest.approx((10 + 25 * 13 / 4) / 28)
    assert second["shrunken"] == pytest.approx((3 + 25 * 13 / 4) / 26)
    assert [row["ratings"] for row in output["most_rated"]] == [3, 1]


def test_explore_prints_a_short_summary(explored: tuple[dict[str, Any], str, str]) -> None:
    _, _, printed = explored
    assert "4 ratings by 3 people of 2 titles (3 in the catalogue)" in printed
    assert "given from 2000-01 to 2000-03; 66.667% of all pairs are rated" in printed
    assert "1 older ratings of a pair were left out" in printed
    assert "most rated: The Matrix (3)" in printed


def test_explore_page_escapes_titles(explored: tuple[dict[str, Any], str, str]) -> None:
    _, page, _ = explored
    assert "A &lt;b&gt;bold&lt;/b&gt; one" in page
    assert "<b>" not in page
    assert page.count("<svg") == 5


@pytest.mark.parametrize("out", ["exploration.html", "/nowhere/exploration.json", "."])
def test_explore_checks_the_output_path_before_reading(
    capsys: pytest.CaptureFixture[str], out: str
) -> None:
    assert explore.main(["--data", "/nowhere", "--out", out]) == 2
    assert capsys.readouterr().err.startswith(f"error: --out: {out!r} must be a .json file")


def test_explore_speaks_in_the_catalogue_s_own_numbers(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = {(0, 1): 10, (1, 1): 7, (2, 1): 7, (0, 2): 3}
    at = datetime(2026, 1, 1)
    rows = [
        {"listener": f"reader {who}", "artist": artist(which), "plays": value, "at": at}
        for (who, which), value in points.items()
    ]
    scale = {"feedback": "explicit", "measure": None, "scale": {"min": 1, "max": 10}}
    facts = [{"column": "since", "label": "Since"}]
    config, out = (
        music(tmp_path, rows, catalogue=scale, items={"facts": facts}),
        tmp_path / "e.json",
    )
    assert explore.main(["--config", str(config), "--out", str(out)]) == 0
    explored = json.loads(out.read_text(encoding="utf-8"))
    assert explored["data"]["facts"][0]["label"] == "Since"
    assert [row["points"] for row in explored["histogram"]] == [float(n) for n in range(1, 11)]
    assert [row["ratings"] for row in explored["histogram"]] == [0, 0, 1, 0, 0, 0, 2, 0, 0, 1]
    assert explored["mean"] == pytest.approx(6.75)
    assert explored["months"][0]["mean"] == pytest.approx(6.75)
    assert explored["most_rated"][0]["mean"] == pytest.approx(8)
    printed = capsys.readouterr().out
    assert "points: mean 6.75, most often 7" in printed
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    assert "6.75 points on average" in page
    assert "Points given" in page
    assert "stars" not in printed
    assert "stars" not in page.split("<body")[1].lower()
