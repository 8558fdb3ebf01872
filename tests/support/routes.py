"""Build a path for every URL rule of the site, and paths as WSGI servers pass them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from app.extensions import db

# Owner of the object that an argument names. Add a new argument to one of the two.
OF_NOBODY = {
    **{"item_id": "1", "movie_id": "1", "kind": "watchlist", "content": "0123456789ab"},
    **{"filename": "site.css", "name": "index.html"},
    **{"movie": "movie", "rating": "rating", "ratings": "ratings", "movies": "movies"},
    **{"watched": "watched", "key": "0441478123", "listed": "ratings", "form": "json"},
}
OF_SOMEONE = {"user_id": "21", "import_id": "1", "number": "0", "token": "guessed"}


def address(rule: Rule) -> str:
    """Return a path that matches ``rule``."""
    path = rule.rule
    for _ in rule.arguments:
        start = path.index("<")
        argument = path[start : path.index(">") + 1]
        name = argument.strip("<>").rpartition(":")[2]
        path = path.replace(argument, {**OF_NOBODY, **OF_SOMEONE}[name], 1)
    return path


def is_api(rule: Rule) -> bool:
    return rule.endpoint.split(".")[0] in ("api", "services")


def wsgi(text: str) -> str:
    """Return text as WSGI servers pass it: one character per byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


# Tables that GET requests write: visits and impressions.
NOTED = {"visits", "shown", "exposures", "site_state"}


def rows(app: Flask, *without: str) -> dict[str, list[Any]]:
    """Return all rows of the database."""
    with app.app_context():
        return {
            table.name: [tuple(row) for row in db.session.execute(select(table))]
            for table in db.metadata.sorted_tables
            if table.name not in {*NOTED, "attempts", "ended_logins", *without}
        }


def looks(app: Flask) -> Iterator[tuple[str, Rule]]:
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or set()):
            yield address(rule), rule
