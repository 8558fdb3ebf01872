"""Summarizes the metrics of several seeds, and formats a report for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from recommender import metrics
from spark_jobs.protocols import PROTOCOLS

# Numbers of first ratings after which lists are measured.
CURVE = (1, 2, 3, 5, 10, 20)
# By ranker or predictor and metric: the value on one split, and on all seeds.
Scores = dict[str, dict[str, float]]
Values = dict[str, dict[str, list[float]]]
# By ranker and number of first ratings, NDCG@10 of each case.
Curve = dict[str, dict[int, list[float]]]


def add_scores(values: Values, scores: Scores) -> None:
    """Append the scores of one seed to ``values``."""
    for name, measured in scores.items():
        for metric, value in measured.items():
            values.setdefault(name, {}).setdefault(metric, []).append(value)


def summarize(values: Values) -> dict[str, Any]:
    """Return mean, standard deviation (None for one seed) and values of the seeds, by name and
    metric."""
    return {
        name: {
            metric: {
                "mean": float(np.mean(scores)),
                "sd": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
                "seeds": scores,
            }
            for metric, scores in measured.items()
        }
        for name, measured in values.items()
    }


def join_curves(curves: Sequence[Curve]) -> dict[str, list[dict[str, float]]]:
    """Return the mean over the people of all seeds, with 95 % bootstrap intervals."""
    joined: dict[str, list[dict[str, float]]] = {}
    for name in curves[0] if curves else ():
        for n in CURVE:
            values = np.array([value for curve in curves for value in curve[name][n]])
            values = values[~np.isnan(values)]
            if len(values):
                low, high = metrics.interval(values)
                point = {"ratings": n, "people": len(values), "ndcg": float(values.mean())}
                joined.setdefault(name, []).append({**point, "low": low, "high": high})
    return joined


def tables(report: Mapping[str, Any]) -> str:
    """Format the report for a terminal: mean ± standard deviation over the seeds, if several."""
    several = len(report["seeds"]) > 1
    seeds = ", ".join(map(str, report["seeds"]))
    what = f"seeds {seeds}: mean ± standard deviation" if several else f"seed {seeds}"
    kind = "validation" if report["validation"] else "test"
    lines = [f"{report['data']['name']}, {kind} splits, {what}"]
    for protocol, rows in report["protocols"].items():
        names = list(next(iter(rows.values())))
        lines += ["", f"{protocol}. {PROTOCOLS[protocol].heading}", _line("", names)]
        for name, measured in rows.items():
            lines.append(_line(name, [_cell(measured[m]) for m in names]))
    if report["fold_in_curve"]:
        lines += ["", "NDCG@10 after the first ratings (95 % interval)"]
        lines.append(_line("", [str(n) for n in CURVE]))
        for name, points in report["fold_in_curve"].items():
            cells = [f"{p['ndcg']:.3f} {p['low']:.3f}–{p['high']:.3f}" for p in points]
            lines.append(_line(name, cells))
    return "\n".join([*lines, *report["notes"], ""])


def _cell(measured: Mapping[str, Any]) -> str:
    spread = "" if measured["sd"] is None else f" ±{measured['sd']:.4f}"
    return f"{measured['mean']:.4f}{spread}"


def _line(first: str, cells: Iterable[str]) -> str:
    return f"{first:<24}" + "".join(f"{cell:>18}" for cell in cells)
