"""Computes what reports show beside the figures: best values, charts, help sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from recommender.params import describe_params
from spark_jobs.config.configuration import PARAMS
from spark_jobs.protocols import HINTS, METRICS, PROTOCOLS, SERVED
from spark_jobs.reporting import charts
from spark_jobs.units import HOURS, POINTS, STARS

Figures = Mapping[str, Any]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def headline_cards(protocols: Figures) -> list[tuple[str, str, str]]:
    """A card for each headline of each protocol: a figure, what it is, the best baseline."""
    return [
        (_headline(metric, rows[SERVED][metric]["mean"]), headline, _best_baseline(rows, metric))
        for name, rows in protocols.items()
        for metric, headline in PROTOCOLS[name].headlines.items()
        if metric in rows.get(SERVED, ())
    ]


def _headline(metric: str, value: Any) -> str:
    if not is_number(value):
        return "–"
    return f"{value:.1%}" if metric.startswith("coverage") else f"{value:.3f}"


def _best_baseline(rows: Figures, metric: str) -> str:
    baselines = {
        name: row[metric]["mean"] for name, row in rows.items() if name != SERVED and metric in row
    }
    best = best_of(baselines.values(), metric)
    names = [name for name, mean in baselines.items() if mean == best]
    return f"best baseline: {_headline(metric, best)} ({max(names)})" if names else ""


def best_of(values: Any, metric: str) -> float | None:
    """The best of the values; None where neither direction is better, or none has a value."""
    better = METRICS[metric].direction if metric in METRICS else 0
    numbers = [value for value in values if is_number(value)]
    return better * max(better * value for value in numbers) if better and numbers else None


def protocol_view(name: str, rows: Figures) -> dict[str, Any]:
    """``rows``: by ranker or predictor and metric, mean, sd and seeds."""
    metrics = list(next(iter(rows.values())))
    means = {metric: [row[metric]["mean"] for row in rows.values()] for metric in metrics}
    return {
        "protocol": PROTOCOLS[name],
        "metrics": metrics,
        "rows": rows,
        "best": {
            metric: best_of(values, metric) if sum(map(is_number, values)) > 1 else None
            for metric, values in means.items()
        },
        "charts": [
            chart
            for metric in PROTOCOLS[name].headlines
            if metric in rows.get(SERVED, ()) and (chart := _chart(name, metric, rows))
        ],
    }


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
    return charts.metric_bars(f"{protocol}-{metric[:4]}", metric, drawn, SERVED, hint)


def parameter_sentences(models: Sequence[str]) -> dict[str, dict[str, str]]:
    """The help sentence of each parameter, by model and name."""
    return {m: {name: help for name, _, help in describe_params(PARAMS[m])} for m in models}


def data_charts(explored: Figures, unit: str) -> list[tuple[Markup, str, str]]:
    """(chart, caption, kind) of each chart about the data. ``unit``: as ``unit_of`` says."""
    if unit in (STARS, POINTS):
        histogram = charts.star_histogram(explored["histogram"], unit)
        drawn = [(histogram, f"{unit.capitalize()} given", "")]
    else:
        caption = "Hours played" if unit == HOURS else unit.capitalize()
        drawn = [(charts.count_histogram(explored["histogram"], unit), caption, "")]
    if explored["months"]:
        drawn.append((charts.ratings_over_time(explored["months"]), "When", ""))
    if explored["genres"]:
        bars = charts.genre_bars(explored["genres"], unit)
        drawn.append((bars, "Genres (a title may have several)", "tall"))
    people, titles = explored["people"]["curve"], explored["titles"]["curve"]
    return [
        *drawn,
        (charts.rank_curve("people", people, "ratings given"), "Activity", ""),
        (charts.rank_curve("titles", titles, "ratings received"), "Popularity", ""),
    ]
