"""What readers of files produce: entries, lines that they leave out or reject, and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from recommender.formats.steam import BadLine

# Characters of a field that we use; our own titles have 255 at most.
LONGEST_FIELD = 500
LONGEST_TITLE = 255
# What a line says of its item. UNDECIDED: without a value, and nothing in the file tells whether
# the person has seen the item or wants to; the person is asked.
RATED, SEEN, WISHED, UNDECIDED = MARKS = ("rated", "seen", "wished", "undecided")
Source = TypeVar("Source")


@dataclass(frozen=True)
class Entry:
    """One item in a file. ``stars`` from 0.5 to 5, or ``hours`` played of a game.

    ``mark``: one of MARKS. An entry with a value is RATED, whatever the reader says; one without
    is WISHED unless the reader says SEEN or UNDECIDED. ``original_title``: its title in the
    language of its country, where the file has both. ``not_a_title``: what the file calls it where
    that is no title of this kind ("an episode"); then only its ids may match, and it is left out
    where they do not. ``genres`` and ``creators``: as in "Drama|Comedy".
    """

    line: int
    title: str = ""
    year: int | None = None
    item_id: int | None = None
    imdb_id: str | None = None
    tmdb_id: int | None = None
    stars: float | None = None
    hours: float | None = None
    at: datetime | None = None
    mark: str = ""
    original_title: str = ""
    not_a_title: str = ""
    genres: str = ""
    creators: str = ""

    def __post_init__(self) -> None:
        mark = RATED if self.value is not None else self.mark or WISHED
        object.__setattr__(self, "mark", mark)

    @property
    def value(self) -> float | None:
        return self.stars if self.hours is None else self.hours


def storable_text(text: str) -> str:
    """Return what every database stores: no NUL, nothing that is no letter by itself."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:LONGEST_TITLE]


def placeholder_title(item_id: int | None) -> str:
    """Return what a line is called that has an id of MovieLens alone."""
    return f"MovieLens title {item_id}"


@dataclass(frozen=True)
class RejectedLine:
    """A line that cannot be read, and the reason."""

    line: int
    why: str


@dataclass(frozen=True)
class LeftOut:
    """A line of what is plainly no title of this kind; ``why`` says what it is: "an episode"."""

    line: int
    title: str
    why: str


@dataclass(frozen=True)
class Note:
    """What the person should know of a whole file, as a sentence."""

    text: str


FileRow = Entry | RejectedLine | LeftOut | Note


@dataclass(frozen=True)
class Contents:
    """A file of a supported format. ``feedback``: EXPLICIT or IMPLICIT, as in a release, or ""
    where it has neither stars nor hours. ``noun``: what its titles are where they are always that.

    ``rows`` are read while they are iterated over, once, and raise ImportProblem where the file
    turns out to be unusable.
    """

    source: str
    feedback: str
    rows: Iterator[FileRow]
    noun: str = ""


def parse_line(
    parse: Callable[[int, Source], Entry], line: int, content: Source
) -> Entry | RejectedLine:
    """Parse one line; if ``parse`` raises BadLine, reject the line with its reason."""
    try:
        return parse(line, content)
    except BadLine as error:
        return RejectedLine(line, str(error))
