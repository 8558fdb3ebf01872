"""Limit the seconds that a request may take.

Threads cannot be ended from outside. So all input is bounded (docs/security.md), and work that
depends on data calls ``check`` repeatedly: before each SQL statement and in long loops. The first
check after the budget is spent ends the request with a 503.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from flask import Flask, current_app, g, has_request_context
from sqlalchemy import Engine, event
from werkzeug.exceptions import ServiceUnavailable

RETRY_SECONDS = 60


class BudgetSpent(ServiceUnavailable):
    """The request exceeded its budget; uncommitted changes are lost."""


def init_app(app: Flask) -> None:
    app.before_request(_start)


def limit(seconds: float) -> None:
    """Let this request take no longer than ``seconds`` from now."""
    if has_request_context():
        g.budget_ends_at = min(monotonic() + seconds, g.get("budget_ends_at", float("inf")))


def check() -> None:
    """Raise BudgetSpent if the request has exceeded its budget; only once, for the error page.

    Does nothing outside of a request.
    """
    if has_request_context() and monotonic() > g.get("budget_ends_at", float("inf")):
        del g.budget_ends_at
        raise BudgetSpent("this took too long and was given up", retry_after=RETRY_SECONDS)


def _start() -> None:
    g.budget_ends_at = monotonic() + current_app.config["REQUEST_SECONDS"]


@event.listens_for(Engine, "before_cursor_execute")
def _check_before_statement(*_statement: Any) -> None:
    check()
