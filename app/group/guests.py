"""Guests of a group night: a name and a few ratings, stored in the host's session alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import session

MOST_GUESTS = 6
FEWEST, MOST = 3, 12
Guest = dict[str, Any]


def guests() -> list[Guest]:
    """Return the guests, each with "name" and "ratings", which are values by item id."""
    return [
        {"name": guest["name"], "ratings": {int(i): s for i, s in guest["ratings"].items()}}
        for guest in session.get("guests", [])
    ]


def add_guest(name: str, ratings: Mapping[int, float]) -> None:
    stored = {str(item_id): stars for item_id, stars in list(ratings.items())[:MOST]}
    session["guests"] = [*session.get("guests", []), {"name": name, "ratings": stored}]


def remove_guest(number: int) -> None:
    session["guests"] = [g for n, g in enumerate(session.get("guests", [])) if n != number]
