"""Ratings, watched films and watchlists of Trakt, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.portability.entries import (
    LONGEST_FIELD,
    SEEN,
    UNDECIDED,
    Entry,
    FileRow,
    LeftOut,
    Note,
    RejectedLine,
)
from app.portability.readers.dates import DateColumn
from app.portability.readers.file_names import mark_of_name
from app.portability.readers.json_arrays import elements_of, first_element
from app.portability.readers.values import imdb_id, stars_of
from app.portability.text import TextFile
from recommender.formats.steam import BadLine

SOURCE = "Trakt"
_OTHERS = {"episode": "an episode", "season": "a season", "show": "a series", "person": "a person"}
_GENRES = {"science-fiction": "Sci-Fi"}
_WATCHED = ("last_watched_at", "watched_at")
# What says that a line is of one of the files that we read.
_SAYS = ("rating", "plays", "listed_at", *_WATCHED)


@dataclass
class TraktFile:
    """A file of an export. ``prefix`` begins each complaint."""

    text: TextFile
    prefix: str = ""
    source = SOURCE
    kind_name = "titles"

    @property
    def name(self) -> str:
        return self.text.file.name

    def rows(self) -> Iterator[FileRow]:
        dates = DateColumn(day_first=False)
        mark = mark_of_name(self.name)
        for number, element in enumerate(elements_of(self.text), start=1):
            try:
                yield _row(number, element, mark, dates)
            except BadLine as error:
                yield RejectedLine(number, self.prefix + str(error))
        yield from map(Note, dates.notes())


def find(text: TextFile) -> TraktFile | None:
    """Recognise a file by its first element."""
    first = first_element(text)
    if not isinstance(first, dict) or not any(says in first for says in _SAYS):
        return None
    return TraktFile(text) if {"movie", "ids", *_OTHERS} & set(first) else None


def read(files: Sequence[TraktFile]) -> Iterator[FileRow]:
    """Read the files of one export. Its history repeats what the watched films say."""
    has_watched = any("watched-movies" in file.name for file in files)
    for file in files:
        if not (has_watched and "history" in file.name):
            yield from file.rows()


def _row(number: int, element: Any, mark: str | None, dates: DateColumn) -> Entry | LeftOut:
    if not isinstance(element, dict):
        raise BadLine("not a title")
    movie = element.get("movie", element if "ids" in element else None)
    if not isinstance(movie, dict):
        kind = next((kind for kind in _OTHERS if isinstance(element.get(kind), dict)), None)
        if kind is None:
            raise BadLine("not a title")
        of_show = element.get("show") if kind != "person" else None
        named = of_show if isinstance(of_show, dict) else element[kind]
        return LeftOut(number, _text(named, "title"), _OTHERS[kind])
    rating = element.get("rating")
    is_watched = any(element.get(name) for name in (*_WATCHED, "plays"))
    ids = movie.get("ids")
    ids = ids if isinstance(ids, dict) else {}
    title = _text(movie, "title")
    tmdb_id = _id(ids.get("tmdb"))
    if not (title or ids):
        raise BadLine("no title")
    return Entry(
        number,
        title,
        _id(movie.get("year")),
        imdb_id=imdb_id(_text(ids, "imdb")),
        tmdb_id=tmdb_id,
        stars=None if rating is None else stars_of(str(rating)[:LONGEST_FIELD], of=10),
        at=_time(element, dates),
        mark=SEEN if is_watched else mark or UNDECIDED,
        genres=_genres(movie.get("genres")),
    )


def _genres(value: Any) -> str:
    """Return the genres of an extended export, such as "science-fiction", as ours are written."""
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
    return "|".join(_GENRES.get(name, name.title()) for name in names)[:LONGEST_FIELD]


def _time(element: Mapping[str, Any], dates: DateColumn) -> datetime | None:
    names = ("rated_at", *_WATCHED, "listed_at")
    return dates.read(next((text for name in names if (text := _text(element, name))), ""))


def _text(values: Mapping[str, Any], name: str) -> str:
    """Return a text that UTF-8 and every database can store, cut to a sane length."""
    value = values.get(name)
    text = value[:LONGEST_FIELD] if isinstance(value, str) else ""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()


def _id(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**31 else None
