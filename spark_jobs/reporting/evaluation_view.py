"""What the sections about quality, gate, comparison and models show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from recommender.params import describe_params
from spark_jobs.config.configuration import PARAMS
from spark_jobs.protocols import HINTS, METRICS, PROTOCOLS, SERVED
from spark_jobs.reporting import charts
from spark_jobs.reporting.pieces import Card, drawn_chart, is_number

Figures = Mapping[str, Any]
FACTOR_BYTES = 4  # of a float32


def headline_cards(protocols: Figures) -> list[Card]:
    """A card for each headline of each protocol."""
    return [
        (_headline(metric, rows[SERVED][metric]["mean"]), headline, _best_baseline(rows, metric))
        for name, rows in protocols.items()
        for metric, headline in PROTOCOLS[name].headlines.items()
        if metric in rows[SERVED]
    ]


def _headline(metric: str, value: Any) -> str:
    if metric.startswith("coverage") and is_number(value):
        return f"{value:.1%}"
    return f"{value:.3f}" if is_number(value) else "–"


def _best_baseline(rows: Figures, metric: str) -> str:
    better = METRICS[metric].direction
    others = [
        (better * row[metric]["mean"], name)
        for name, row in rows.items()
        if name != SERVED and metric in row and is_number(row[metric]["mean"])
    ]
    if not others or not better:
        return ""
    best, name = max(others)
    return f"best baseline: {_headline(metric, better * best)} ({name})"


def protocol_view(name: str, rows: Figures) -> dict[str, Any]:
    """``rows``: by ranker or predictor and metric, mean, sd and seeds."""
    protocol, names = PROTOCOLS[name], list(next(iter(rows.values())))
    best = {
        metric: _best([row[metric]["mean"] for row in rows.values()], metric) for metric in names
    }
    drawn = [_chart(name, metric, rows) for metric in protocol.headlines if metric in rows[SERVED]]
    return {
        "title": protocol.title,
        "sentence": protocol.sentence,
        "charts": [chart for chart in drawn if chart],
        "caption": _caption(rows, names, best),
        "metrics": names,
        "rows": [
            {
                "name": ranker,
                "ours": ranker == SERVED,
                "cells": [_cell(measured[metric], best[metric]) for metric in names],
            }
            for ranker, measured in rows.items()
        ],
    }


def _cell(measured: Figures, best: float | None) -> dict[str, Any]:
    return {
        **measured,
        "spread": len(measured["seeds"]) > 1,
        "best": best is not None and measured["mean"] == best,
    }


def _caption(rows: Figures, names: Sequence[str], best: Mapping[str, float | None]) -> str:
    seeds = max(len(measured[name]["seeds"]) for measured in rows.values() for name in names)
    sentences = ["Mean ± standard deviation over the seeds"] if seeds > 1 else []
    if any(value is not None for value in best.values()):
        sentences.append("the best of a column is marked")
    return "; ".join(sentences)


def _chart(protocol: str, metric: str, rows: Figures) -> Markup | None:
    """None where there is nothing to compare with."""
    drawn = [
        {"name": name, **measured[metric]}
        for name, measured in rows.items()
        if is_number(measured[metric]["mean"])
    ]
    if len(drawn) < 2:
        return None
    hint = HINTS[METRICS[metric].direction]
    return drawn_chart(charts.metric_bars(f"{protocol}-{metric[:4]}", metric, drawn, SERVED, hint))


def _best(values: Sequence[Any], name: str) -> float | None:
    better = METRICS[name].direction if name in METRICS else 0
    numbers = [value for value in values if is_number(value)]
    return better * max(better * v for v in numbers) if better and len(numbers) > 1 else None


def curve_view(curves: Figures | None) -> dict[str, Any] | None:
    if not curves:
        return None
    points = next(iter(curves.values()))
    return {
        "people": points[0]["people"],
        "counts": [point["ratings"] for point in points],
        "rows": curves,
        "chart": drawn_chart(charts.fold_in_curve(curves, SERVED)),
    }


# --- what decides, and what it is compared with ---


def gate_view(gate: Figures | None) -> dict[str, Any] | None:
    """``gate``: passed, reasons, and limits (measured, floor, margin) by metric."""
    return {"passed": False, "reasons": (), "limits": {}, **gate} if gate else None


def comparison_view(comparison: Figures | None) -> dict[str, Any] | None:
    """``comparison``: version, lists (people, kept_of_10, share_unchanged), and either metrics
    (now, before, difference) or a note that says why there are none."""
    if not comparison:
        return None
    lists = comparison.get("lists", {})
    cards: list[Card] = []
    if "kept_of_10" in lists:
        people = f"mean over {lists['people']:,} people"
        cards.append((f"{lists['kept_of_10']:.1f} of 10", "titles of a list stay", people))
    if "share_unchanged" in lists:
        cards.append((f"{lists['share_unchanged']:.0%}", "of lists keep all ten", ""))
    return {"version": "", "note": "", "metrics": {}, **comparison, "cards": cards}


# --- model ---


def model_views(evaluation: Figures) -> list[dict[str, Any]]:
    """``sizes``, where there: titles and factors of each model, as the release holds them."""
    sizes, models = evaluation.get("sizes") or {}, []
    for name, values in evaluation["settings"].items():
        sentences = {field: sentence for field, _, sentence in describe_params(PARAMS[name])}
        caption = f"{name.capitalize()} model"
        if name in sizes:
            rows, columns = sizes[name]
            megabytes = rows * columns * FACTOR_BYTES / 1e6
            caption += f": {rows:,} × {columns} factors, {megabytes:.1f} MB"
        parameters = [(key, value, sentences.get(key, "")) for key, value in values.items()]
        models.append({"caption": caption, "parameters": parameters})
    return models
