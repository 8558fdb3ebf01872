"""Reports as a person wants to read them: one HTML file each, which needs nothing beside it.

No script, no address that is fetched, styles and charts inline: a page may be mailed, and the site
shows it in a sandbox. Figures come as the JSON of ``evaluate`` and ``explore``; what a report may
have or lack (seconds, exploration, comparison, gate) is shown where it is there. The templates
beside this module hold the HTML; ``evaluation_view`` and ``data_view`` say what they show.
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

from spark_jobs.protocols import HINTS, METRICS
from spark_jobs.reporting.data_view import count_cards, data_view
from spark_jobs.reporting.evaluation_view import (
    comparison_view,
    curve_view,
    gate_view,
    headline_cards,
    model_views,
    protocol_view,
)
from spark_jobs.reporting.pieces import format_number, format_parameter

Figures = Mapping[str, Any]
ARROWS = {1: "↑", -1: "↓", 0: ""}


def write(out: Path, figures: Figures, page: Callable[[Figures, str], str]) -> Path:
    """Write ``figures`` as JSON to ``out`` and as a page beside it; return the page's path."""
    page_file = out.with_suffix(".html")
    out.write_text(as_json(figures), encoding="utf-8")
    page_file.write_text(page(figures, out.name), encoding="utf-8")
    return page_file


def report_files(evaluation: Figures) -> dict[str, bytes]:
    """The files of a release's ``report/`` folder, by name."""
    page = evaluation_page(evaluation, "report.json")
    return {"index.html": page.encode(), "report.json": as_json(evaluation).encode()}


def as_json(figures: Figures) -> str:
    """Figures as JSON, where what has no value is null."""
    return json.dumps(_valid(figures), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _valid(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _valid(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_valid(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- pages ---


def evaluation_page(evaluation: Figures, json_name: str) -> str:
    """``evaluation``: what ``evaluate --out`` holds. ``json_name``: the file beside the page."""
    facts, protocols = evaluation["data"], evaluation["protocols"]
    kind = "Validation" if evaluation.get("validation") else "Test"
    seeds = ", ".join(map(str, evaluation["seeds"]))
    which = "seed" if len(evaluation["seeds"]) == 1 else "seeds"
    lead = (
        "How good the recommendations are, measured on ratings that the model has not seen."
        f" {kind} splits, {which} {seeds}. The whole catalogue is ranked but what a person has"
        " rated."
    )
    return _render(
        "evaluation.html.j2",
        evaluation,
        json_name,
        title=f"Evaluation: {facts['name']}",
        lead=lead,
        headlines=headline_cards(protocols),
        gate=gate_view(evaluation.get("gate")),
        protocols={name: protocol_view(name, rows) for name, rows in protocols.items()},
        measured=dict.fromkeys(
            metric for rows in protocols.values() for metric in next(iter(rows.values()))
        ),
        curve=curve_view(evaluation.get("fold_in_curve")),
        comparison=comparison_view(evaluation.get("comparison")),
        models=model_views(evaluation),
        seconds=evaluation.get("seconds"),
        data=data_view(evaluation.get("exploration")),
        counts=count_cards(facts),
    )


def exploration_page(explored: Figures, json_name: str) -> str:
    """``explored``: what ``explore --out`` holds."""
    months = explored["months"]
    when = f", from {months[0]['month']} to {months[-1]['month']}" if months else ""
    return _render(
        "exploration.html.j2",
        explored,
        json_name,
        title=f"Data: {explored['data']['name']}",
        lead=f"What the ratings are like{when}, before anything is fitted on them.",
        data=data_view(explored),
    )


def _render(template: str, figures: Figures, json_name: str, **view: Any) -> str:
    return (
        _templates()
        .get_template(template)
        .render(
            view,
            style=Markup(_read("report.css")),  # our own file  # noqa: S704  # nosec B704
            simulated=figures["data"].get("simulated"),
            notes=figures.get("notes", ()),
            command=figures.get("command"),
            json_name=json_name,
        )
    )


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
    templates.globals.update(metrics=METRICS, hints=HINTS, arrows=ARROWS)
    templates.filters.update(number=format_number, parameter=format_parameter, columns_of=_columns)
    return templates


def _read(name: str) -> str:
    return (resources.files("spark_jobs.reporting") / name).read_text(encoding="utf-8")


def _columns(rows: Figures) -> list[str]:
    """The names that any of the rows has a value for."""
    return list(dict.fromkeys(name for row in rows.values() for name in row))
