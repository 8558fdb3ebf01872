"""Renders reports as one HTML file each, which needs no other file.

Pages have no script, fetch nothing, and hold their styles and charts: they may be mailed, and the
site shows them in a sandbox. Figures are the JSON of ``evaluate`` and ``explore``; optional ones
(seconds, exploration, comparison, gate) are shown where present. The templates beside this module
hold the HTML and format the figures; ``views`` computes what is not among the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from recommender.storage.release_changes import REPORT_FIGURES
from spark_jobs.protocols import HINTS, METRICS, SERVED
from spark_jobs.reporting.charts import ageing_curve, fold_in_curve
from spark_jobs.reporting.differences import interval_text
from spark_jobs.reporting.views import (
    data_charts,
    headline_cards,
    is_number,
    parameter_sentences,
    protocol_view,
)
from spark_jobs.units import unit_of

Figures = Mapping[str, Any]


def write(out: Path, figures: Figures, page: Callable[[Figures, str], str]) -> Path:
    """Write ``figures`` as JSON to ``out`` and as a page beside it; return the page's path."""
    page_file = out.with_suffix(".html")
    out.write_text(as_json(figures), encoding="utf-8")
    page_file.write_text(page(figures, out.name), encoding="utf-8")
    return page_file


def report_files(evaluation: Figures) -> dict[str, bytes]:
    """The files of a release's ``report/`` folder, by name."""
    page = evaluation_page(evaluation, REPORT_FIGURES)
    return {"index.html": page.encode(), REPORT_FIGURES: as_json(evaluation).encode()}


def as_json(figures: Figures) -> str:
    """Figures as JSON, where what has no value is null."""
    return json.dumps(_valid(figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _valid(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _valid(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_valid(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def evaluation_page(evaluation: Figures, json_name: str) -> str:
    """``evaluation``: what ``evaluate --out`` holds. ``json_name``: the file beside the page."""
    protocols, curves = evaluation["protocols"], evaluation.get("fold_in_curve")
    newcomers, ageing = evaluation.get("newcomers_curve"), evaluation.get("ageing")
    return _render(
        "evaluation.html.j2",
        evaluation,
        json_name,
        headlines=headline_cards(protocols),
        protocols={name: protocol_view(name, rows) for name, rows in protocols.items()},
        curve_chart=fold_in_curve(curves, SERVED, "fold-in") if curves else None,
        newcomers_chart=fold_in_curve(newcomers, SERVED, "newcomers") if newcomers else None,
        ageing_chart=ageing_curve(ageing) if ageing else None,
        sentences=parameter_sentences(list(evaluation["settings"])),
        explored=evaluation.get("exploration"),
    )


def exploration_page(explored: Figures, json_name: str) -> str:
    """``explored``: what ``explore --out`` holds."""
    return _render("exploration.html.j2", explored, json_name, explored=explored)


def _render(template: str, figures: Figures, json_name: str, **view: Any) -> str:
    return _templates().get_template(template).render(view, figures=figures, json_name=json_name)


@cache
def _templates() -> Environment:
    # Read as resources, so that they are there too where the jobs run from their zip.
    templates = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.globals.update(
        metrics=METRICS,
        hints=HINTS,
        arrows={1: "↑", -1: "↓", 0: ""},
        served=SERVED,
        data_charts=data_charts,
        unit_of=unit_of,
        style=Markup(_read("report.css")),  # our own file  # noqa: S704  # nosec B704
    )
    templates.filters.update(
        number=_number, parameter=_parameter, columns_of=_columns, difference=_difference
    )
    return templates


def _read(name: str) -> str:
    return (resources.files("spark_jobs.reporting") / name).read_text(encoding="utf-8")


def _number(value: Any, signed: bool = False) -> str:
    if not is_number(value):
        return "–"
    return f"{value:+.4f}".replace("-", "−") if signed else f"{value:.4f}"


def _difference(measured: Figures | None) -> Markup:
    """A difference and, smaller, its interval."""
    if not measured:
        return Markup("–")
    value, *interval = interval_text(measured).replace("-", "−").split(" ", 1)
    return Markup("{}").format(value) + Markup(" <small>{}</small>").format("".join(interval))


def _parameter(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _columns(rows: Figures) -> list[str]:
    """The names that any of the rows has a value for."""
    return list(dict.fromkeys(name for row in rows.values() for name in row))
