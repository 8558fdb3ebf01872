"""Reports: complete in one file, readable on any screen, tolerant of what is missing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import asdict
from playwright.sync_api import Browser

from app.owner.routes import REPORT_POLICY
from recommender.params import RankingParams, RatingParams
from spark_jobs.reporting.charts import metric_bars
from spark_jobs.reporting.html import as_json, evaluation_page, report_files
from tests.support.browser import DESKTOP, PHONE, SCREENSHOTS

pytest_plugins = ["tests.support.fixtures.browser"]

NAN = float("nan")


def measures(**means: float) -> dict[str, Any]:
    """Return measures by metric ("@" is written "_at_"), with a spread."""
    return {
        name.replace("_at_", "@").replace("PR_", "PR-"): {
            **{"mean": mean, "sd": 0.01, "seeds": [mean] * 2}
        }
        for name, mean in means.items()
    }


@pytest.fixture
def evaluation() -> dict[str, Any]:
    """What ``evaluate`` writes, with everything that training may add."""
    points = [(1, 0.10), (2, 0.14), (5, 0.19), (20, 0.25)]
    return {
        "data": {
            **{"name": "Films <of> 1999", "noun": "movie", "feedback": "explicit"},
            **{"rating_min": 0.5, "rating_max": 5.0, "rating_step": 0.5, "simulated": True},
            **{"ratings": 100_836, "users": 610, "items": 9_742, "max_user_id": 610},
        },
        "settings": {"ranking": asdict(RankingParams()), "rating": asdict(RatingParams())},
        "sizes": {"ranking": (9_724, 64), "rating": (9_724, 140)},
        "validation": False,
        "seeds": [0, 1],
        "notes": ["EASE was left out."],
        "seconds": {"fitting the ranking model": 12.345},
        "protocols": {
            "A": {
                "Marquee": measures(RMSE=0.844, PR_AUC=NAN),
                "biases alone": measures(RMSE=0.861, PR_AUC=NAN),
            },
            "B": {
                "Marquee": measures(NDCG_at_10=0.31, recall_at_20=0.33),
                "popularity": measures(NDCG_at_10=0.15, recall_at_20=0.16),
                "EASE": measures(NDCG_at_10=0.29, recall_at_20=0.34),
            },
            "E": {"Marquee": measures(coverage_at_10=0.05), "EASE": measures(coverage_at_10=0.06)},
            "G": {"Marquee": measures(RMSE=0.87, NDCG_at_10=0.3)},
        },
        "fold_in_curve": {
            name: [
                {"ratings": n, "people": 90, "ndcg": v * part, "low": v * part - 0.02, "high": v}
                for n, v in points
            ]
            for name, part in (("Marquee", 1.0), ("popularity", 0.5))
        },
        "differences": {
            "B": {
                "EASE": {
                    "NDCG@10": {"difference": 0.02, "low": -0.01, "high": 0.05, "people": 90},
                    "recall@20": {"difference": -0.01, "low": None, "high": None, "people": 1},
                }
            }
        },
        "newcomers_curve": {
            "Marquee": [{"ratings": 1, "people": 9, "ndcg": 0.1, "low": 0.05, "high": 0.15}]
        },
        "ageing": [
            {
                **{"until": "2017-01-01", "days": 400.0, "ndcg": 0.18, "people": 90},
                "loss": {"difference": 0.02, "low": 0.01, "high": 0.03, "people": 90},
                "gain_anew": {"difference": 0.01, "low": -0.01, "high": 0.03, "people": 90},
            },
            {
                **{"until": "2018-02-05", "days": 0.0, "ndcg": 0.2, "people": 90},
                **{"loss": None, "gain_anew": None},
            },
        ],
        "ageing_sentence": "A release fitted 13 months earlier loses 0.020.",
        "comparison": {
            "version": "20260101-000000-aaaa",
            "lists": {"people": 200, "kept_of_10": 7.25, "share_unchanged": 0.125},
            "metrics": {"RMSE": {"now": 0.844, "before": 0.85, "difference": -0.006}},
        },
        "gate": {
            "passed": False,
            "reasons": ["NDCG@10 0.3000 is below its floor of 0.4"],
            "limits": {"NDCG@10": {"measured": 0.3, "floor": 0.4, "margin": None}},
        },
        "command": "python -m spark_jobs.evaluate --data 'films <1999>'",
    }


class Reader(HTMLParser):
    """Collects what a page refers to, its ids and its elements."""

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("href", "src", "xlink:href", "action", "srcset"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def test_page_loads_nothing_external(evaluation: dict[str, Any]) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    found = Reader(page)
    inside = {address for address in found.addresses if address.startswith("#")}
    assert set(found.addresses) - inside == {"evaluation.json"}
    assert not found.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not re.search(r"@import|url\((?!#)|https?:|\bon\w+=", page)
    assert len(set(found.ids)) == len(found.ids)
    used = inside | {f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", page)}
    assert {f"#{name}" for name in found.ids} >= used


def test_charts_use_the_colours_of_the_page(evaluation: dict[str, Any]) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--amber)" in charts
    assert not re.findall(r"#[0-9a-f]{6}\b", charts)
    assert "DejaVu" not in charts


def test_chart_ticks_are_labelled_with_enough_digits() -> None:
    rows = [{"name": name, "mean": mean, "sd": 0.0} for name, mean in (("a", 0.843), ("b", 0.862))]
    chart = metric_bars("a", "RMSE", rows, "a", "lower is better")
    ticks = [float(text) for text in re.findall(r">([\d.]+)</text>", chart)]
    steps = [after - before for before, after in pairwise(ticks)]
    assert len(ticks) > 2
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_best_value_of_a_column_is_marked(
    evaluation: dict[str, Any],
) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    best = re.findall(r'<td class="best">([\d.]+)', page)
    # RMSE of A; NDCG@10 and recall@20 of B; none of E (more is not better) and of G (one model).
    assert best == ["0.8440", "0.3100", "0.3400"]
    assert "best baseline: 0.290 (EASE)" in page


def test_missing_value_is_a_dash_on_the_page_and_null_in_json(
    evaluation: dict[str, Any],
) -> None:
    files = report_files(evaluation)
    assert set(files) == {"index.html", "report.json"}
    read = json.loads(files["report.json"])
    assert read["protocols"]["A"]["Marquee"]["PR-AUC"]["mean"] is None
    assert evaluation_page(read, "report.json").encode() == files["index.html"]
    assert "<td>– <small>±0.0100</small></td>" in files["index.html"].decode()


def test_report_files_are_deterministic(evaluation: dict[str, Any]) -> None:
    assert report_files(evaluation) == report_files(json.loads(as_json(evaluation)))


def test_page_contains_every_part_of_the_evaluation(evaluation: dict[str, Any]) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    for words in (
        "Films &lt;of&gt; 1999",
        "These people are simulated",
        "Test splits, seeds 0, 1",
        "It is not good enough to go into service.",
        "NDCG@10 0.3000 is below its floor of 0.4",
        "20260101-000000-aaaa",
        "7.2 of 10",
        "−0.0060",
        "Ranking model: 9,724 × 64 factors, 2.5 MB",
        "fitting the ranking model",
        "EASE was left out.",
        "python -m spark_jobs.evaluate --data &#39;films &lt;1999&gt;&#39;",
    ):
        assert words in page


def test_page_omits_missing_parts(evaluation: dict[str, Any]) -> None:
    for name in ("comparison", "gate", "seconds", "notes", "command"):
        del evaluation[name]
    evaluation["protocols"] = {"G": evaluation["protocols"]["G"]}
    evaluation["fold_in_curve"] = {}
    page = evaluation_page(evaluation, "evaluation.json")
    for title in ("The gate", "Beside the release in service", "The first ratings", "Seconds"):
        assert title not in page
    assert "Stars and lists for people held out" in page


def test_page_shows_no_spread_for_one_seed(evaluation: dict[str, Any]) -> None:
    evaluation["seeds"] = [0]
    for rows in evaluation["protocols"].values():
        for measured in rows.values():
            for metric in measured.values():
                metric.update(sd=None, seeds=[metric["mean"]])
    page = evaluation_page(evaluation, "evaluation.json")
    assert "Test splits, seed 0." in page
    assert "±" not in page
    assert "standard deviation" not in page


def test_page_compares_only_lists_when_metrics_are_not_comparable(
    evaluation: dict[str, Any],
) -> None:
    del evaluation["comparison"]["metrics"]
    evaluation["comparison"]["note"] = "it was promoted without being measured"
    page = evaluation_page(evaluation, "evaluation.json")
    assert "No measures to compare: it was promoted without being measured." in page
    assert "7.2 of 10" in page


@pytest.mark.parametrize(("device", "options"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_page_is_readable_under_the_content_security_policy(
    browser: Browser,
    evaluation: dict[str, Any],
    device: str,
    options: dict[str, Any],
) -> None:
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    html = report_files(evaluation)["index.html"]
    headers = {"Content-Type": "text/html", "Content-Security-Policy": REPORT_POLICY}
    page.route("**/*", lambda route: route.fulfill(body=html, headers=headers))
    page.goto("http://site.test/owner/report/index.html")
    width = options["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ours = page.locator("svg text", has_text="Marquee").first
    smallest = page.locator("svg text").evaluate_all(
        "texts => Math.min(...texts.map(text => text.getBoundingClientRect().height))"
    )
    assert smallest >= 9
    text = page.evaluate("getComputedStyle(document.body).color")
    assert ours.evaluate("text => getComputedStyle(text).fill") == text
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{device}-report.png", full_page=True)
    context.close()
    assert complaints == []


def test_page_shows_differences_with_their_intervals(evaluation: dict[str, Any]) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    assert "+0.020 <small>(−0.010…0.050)</small>" in page
    assert "−0.010 <small></small>" in page


def test_page_shows_newcomers_and_the_age_of_a_release(evaluation: dict[str, Any]) -> None:
    page = evaluation_page(evaluation, "evaluation.json")
    assert "A release fitted 13 months earlier loses 0.020." in page
    assert "Newcomers over time" in page
    for name in ("newcomers_curve", "ageing", "ageing_sentence", "differences"):
        del evaluation[name]
    assert "Newcomers over time" not in evaluation_page(evaluation, "evaluation.json")
