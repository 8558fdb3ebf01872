"""An address for every rule of the site, and addresses as a server passes them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from app.extensions import db

# Whose what an argument names is. A new argument has to be put into one of the two.
OF_NOBODY = {
    **{"item_id": "1", "movie_id": "1", "kind": "watchlist", "content": "0123456789ab"},
    **{"filename": "site.css", "name": "index.html"},
    **{"movie": "movie", "rating": "rating", "ratings": "ratings", "movies": "movies"},
}
OF_SOMEONE = {"user_id": "21", "import_id": "1", "number": "0", "token": "guessed"}


def address(rule: Rule) -> str:
    """A path that ``rule`` matches."""
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
    """As a server passes bytes on: one character each."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


# Written to by looking: that someone came, and what they were shown.
NOTED = {"visits", "shown", "exposures", "site_state"}


def rows(app: Flask, *without: str) -> dict[str, list[Any]]:
    """All there is in the database."""
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
