"""Limit the seconds that a request may take.

A thread cannot be ended from outside. So every kind of input has a bound (docs/security.md), and
work whose length depends on data asks here again and again: before each statement of the database,
and at each turn of a long loop. The first question after the budget is spent ends the request with
a 503, and frees its thread.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from flask import Flask, current_app, g, has_request_context
from sqlalchemy import Engine, event
from werkzeug.exceptions import ServiceUnavailable

RETRY_SECONDS = 60


class BudgetSpent(ServiceUnavailable):
    """The request exceeded its budget; what it had not committed is not stored."""


def init_app(app: Flask) -> None:
    app.before_request(_start)


def limit(seconds: float) -> None:
    """Let this request take no longer than ``seconds`` from now."""
    if has_request_context():
        g.budget_ends_at = min(monotonic() + seconds, g.get("budget_ends_at", float("inf")))


def check() -> None:
    """Raise BudgetSpent, once, if the request has exceeded its budget.

    Once, so that the error page and what ends the request can still be made. Does nothing outside
    of a request.
    """
    if has_request_context() and monotonic() > g.get("budget_ends_at", float("inf")):
        del g.budget_ends_at
        raise BudgetSpent("this took too long and was given up", retry_after=RETRY_SECONDS)


def _start() -> None:
    g.budget_ends_at = monotonic() + current_app.config["REQUEST_SECONDS"]


@event.listens_for(Engine, "before_cursor_execute")
def _check_before_statement(*_statement: Any) -> None:
    check()
