"""The responses that locust recorded, and the ratings that they acknowledge."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

GOOD = {200, 302, 303}
NO_RATING = ("", 0, 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """``at``: seconds since the run began, when it came. ``status``: 0 where none came.
    ``rating``: the user's name, the item's id and the stars, where the request was one."""

    at: float
    route: str
    status: int
    seconds: float
    release: str | None
    rating: tuple[str, int, float] = NO_RATING


def read_answers(file: Path, began: float) -> list[Answer]:
    """Read the complete lines of a file that may still grow."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [
        Answer(
            float(at) - began,
            route,
            int(status),
            float(seconds),
            release or None,
            (name, int(item_id), float(stars)) if name else NO_RATING,
        )
        for at, route, status, seconds, release, name, item_id, stars in csv.reader(
            line for line in lines if line.endswith("\n")
        )
    ]


def acknowledged_ratings(
    answers: Iterable[Answer],
) -> dict[tuple[str, int], tuple[float, set[float]]]:
    """Return by name and item the last acknowledged rating, and those that were sent later without
    an acknowledgement: the database may have stored any of them."""
    ratings: dict[tuple[str, int], tuple[float, set[float]]] = {}
    for answer in answers:
        name, item_id, stars = answer.rating
        if name and answer.status in GOOD:
            ratings[name, item_id] = stars, set()
        elif (name, item_id) in ratings:
            ratings[name, item_id][1].add(stars)
    return ratings
