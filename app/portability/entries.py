"""What readers of files produce: entries, and lines that they reject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from recommender.formats.steam import BadLine

# Characters of a field that we use; our own titles have 255 at most.
LONGEST_FIELD = 500
Source = TypeVar("Source")


@dataclass(frozen=True)
class Entry:
    """One item in a file. ``stars`` from 0.5 to 5, or ``hours`` played of a game; neither means
    that the item is wanted, not rated."""

    line: int
    title: str = ""
    year: int | None = None
    item_id: int | None = None
    imdb_id: str | None = None
    tmdb_id: int | None = None
    stars: float | None = None
    hours: float | None = None
    at: datetime | None = None

    @property
    def value(self) -> float | None:
        return self.stars if self.hours is None else self.hours


@dataclass(frozen=True)
class RejectedLine:
    """A line that is left out, and the reason."""

    line: int
    why: str


@dataclass(frozen=True)
class Contents:
    """A file of a supported format. ``feedback``: EXPLICIT or IMPLICIT, as in a release.

    ``rows`` are read while they are iterated over, once, and raise ImportProblem where the file
    turns out to be unusable.
    """

    source: str
    feedback: str
    rows: Iterator[Entry | RejectedLine]


def parse_line(
    parse: Callable[[int, Source], Entry], line: int, content: Source
) -> Entry | RejectedLine:
    """Parse one line; if ``parse`` raises BadLine, reject the line with its reason."""
    try:
        return parse(line, content)
    except BadLine as error:
        return RejectedLine(line, str(error))
