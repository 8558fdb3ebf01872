"""Measure the time of requests and their parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

from flask import (
    Flask,
    Response,
    before_render_template,
    current_app,
    g,
    has_app_context,
    template_rendered,
)
from sqlalchemy import Engine, event

from app.observability import logs, metrics

# Requests that take longer are logged as slow, with their parts.
SLOW_SECONDS = 0.5
DATABASE, TEMPLATES = "database", "templates"


@dataclass(slots=True)
class Stopwatch:
    """``parts``: seconds by name; "templates" includes the queries of templates."""

    began: float = field(default_factory=perf_counter)
    parts: dict[str, float] = field(default_factory=dict)
    queries: int = 0
    rendering_since: float = 0.0

    def add(self, name: str, seconds: float) -> None:
        self.parts[name] = self.parts.get(name, 0.0) + seconds


def init_app(app: Flask) -> None:
    """Register the first and last hooks of a request, before all others, to measure those too."""
    app.before_request(_begin)
    app.after_request(_end)
    before_render_template.connect(_begin_rendering, app)
    template_rendered.connect(_end_rendering, app)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Add the time spent in the block to the part ``name`` of the request."""
    began = perf_counter()
    try:
        yield
    finally:
        seconds = perf_counter() - began
        if name in metrics.PART_SECONDS:
            metrics.PART_SECONDS[name].observe(seconds)
        if (watch := _watch()) is not None:
            watch.add(name, seconds)


@contextmanager
def at_least(seconds: float) -> Iterator[None]:
    """Extend the time of the block to ``seconds``, so that it does not reveal what was done."""
    began = perf_counter()
    yield
    sleep(max(seconds - (perf_counter() - began), 0))


def _watch() -> Stopwatch | None:
    return g.get("stopwatch") if has_app_context() else None


def _begin() -> None:
    g.stopwatch = Stopwatch()


def _end(response: Response) -> Response:
    watch: Stopwatch = g.stopwatch
    seconds = perf_counter() - watch.began
    status = f"{response.status_code // 100}xx"
    metrics.REQUEST_SECONDS.labels(logs.route(), logs.method(), status).observe(seconds)
    fields: dict[str, Any] = {"status": response.status_code, "milliseconds": _milli(seconds)}
    if seconds < SLOW_SECONDS:
        current_app.logger.info("request", extra={"fields": fields})
    else:
        fields["queries"] = watch.queries
        fields["parts"] = {name: _milli(spent) for name, spent in watch.parts.items()}
        current_app.logger.warning("slow request", extra={"fields": fields})
    return response


def _milli(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _begin_rendering(_app: Flask, **_what: Any) -> None:
    if (watch := _watch()) is not None:
        watch.rendering_since = perf_counter()


def _end_rendering(_app: Flask, **_what: Any) -> None:
    if (watch := _watch()) is not None:
        watch.add(TEMPLATES, perf_counter() - watch.rendering_since)


@event.listens_for(Engine, "before_cursor_execute")
def _begin_query(_c: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _m: bool) -> None:
    if context is not None:
        context.began = perf_counter()


@event.listens_for(Engine, "after_cursor_execute")
def _end_query(_c: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _m: bool) -> None:
    if context is not None and (watch := _watch()) is not None:
        watch.queries += 1
        watch.add(DATABASE, perf_counter() - context.began)
