"""Summarizes the metrics of several seeds, and formats a report for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from recommender import metrics
from spark_jobs.protocols import PROTOCOLS, SERVED
from spark_jobs.reporting.differences import interval_text

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
        lines += _differences(report["differences"].get(protocol, {}), names)
    lines += _curve("NDCG@10 after the first ratings", report["fold_in_curve"])
    lines += _curve("NDCG@10 of newcomers, in order of time", report.get("newcomers_curve", {}))
    if "ageing" in report:
        lines += ["", "NDCG@10 of later ratings, by when the model was fitted"]
        lines += [_line("", ["age", "NDCG@10", "what the newest adds", "grown titles anew add"])]
        lines += [_aged(row) for row in report["ageing"]]
        lines.append(report["ageing_sentence"])
    return "\n".join([*lines, *report["notes"], ""])


def _differences(by_baseline: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Lines of what the model is above each baseline, with 95 % intervals over the people."""
    lines = []
    for baseline, measured in by_baseline.items():
        cells = [interval_text(measured[name]) if name in measured else "" for name in names]
        if any(cells):
            lines.append(_line(f"− {baseline}"[:24], cells))
    return ["", f"{SERVED} − baseline, same people (95 % interval)", *lines] if lines else []


def _curve(title: str, curve: Mapping[str, Any]) -> list[str]:
    if not curve:
        return []
    lines = ["", f"{title} (95 % interval)", _line("", [str(n) for n in CURVE])]
    for name, points in curve.items():
        cells = [f"{p['ndcg']:.3f} {p['low']:.3f}–{p['high']:.3f}" for p in points]
        lines.append(_line(name, cells))
    return lines


def _aged(row: Mapping[str, Any]) -> str:
    compared = [interval_text(row[name]) if row[name] else "" for name in ("loss", "gain_anew")]
    age, ndcg = f"{row['days']:.0f} days", f"{row['ndcg']:.4f}"
    return _line(f"until {row['until']}", [age, ndcg, *compared])


def _cell(measured: Mapping[str, Any]) -> str:
    spread = "" if measured["sd"] is None else f" ±{measured['sd']:.4f}"
    return f"{measured['mean']:.4f}{spread}"


def _line(first: str, cells: Iterable[str]) -> str:
    return f"{first:<24}" + "".join(f"{cell:>24}" for cell in cells)
