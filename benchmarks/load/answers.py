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
    """``at``: arrival in seconds since the run began. ``status``: 0 if there was no response.
    ``rating``: user name, item id and stars, if the request was a rating."""

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
    """Return the last acknowledged rating by user name and item, with ratings sent later.

    Later ones have no acknowledgement: the database may have stored any of them.
    """
    ratings: dict[tuple[str, int], tuple[float, set[float]]] = {}
    for answer in answers:
        name, item_id, stars = answer.rating
        if name and answer.status in GOOD:
            ratings[name, item_id] = stars, set()
        elif (name, item_id) in ratings:
            ratings[name, item_id][1].add(stars)
    return ratings
