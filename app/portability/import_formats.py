"""Supported file formats: MovieLens, IMDb, Letterboxd, Steam, and our own export."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.portability.exports import unguarded
from app.portability.python_literal import as_json
from app.portability.text import MOST_LINES, Lines, TextFile
from app.portability.uploads import ImportProblem
from recommender.feedback import EXPLICIT, IMPLICIT, SCALES
from recommender.formats.steam import BadLine, owned
from recommender.formats.titles import split_title

# Characters of a field that we use; our own titles have 255 at most.
LONGEST_FIELD = 500
# Characters; the largest Steam library seen has a million.
LARGEST_LIBRARY = 3_000_000
# Characters from the start within which JSON and CSV differ.
START = 1_000


@dataclass(frozen=True)
class Entry:
    """One title in a file. ``stars`` from 0.5 to 5, or hours played of a game (``hours``); neither
    means that the title is wanted, not rated."""

    line: int
    title: str = ""
    year: int | None = None
    item_id: int | None = None
    imdb_id: str | None = None
    tmdb_id: int | None = None
    stars: float | None = None
    hours: float | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class RejectedLine:
    """A line that is left out, and the reason."""

    line: int
    why: str


@dataclass(frozen=True)
class Contents:
    """A file of a supported format. ``feedback``: EXPLICIT or IMPLICIT, as in a release.

    ``rows`` are read while they are asked for, once, and raise ImportProblem where the file turns
    out to be unusable.
    """

    source: str
    feedback: str
    rows: Iterator[Entry | RejectedLine]


class _BadLine(Exception):
    pass


Row = Mapping[str, str]
Parser = Callable[[int, Row], Entry]


@dataclass(frozen=True)
class _CsvKind:
    """CSV files of a service, recognised by the ``required`` columns; others are not read."""

    source: str
    feedback: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    parse: Parser


def read(text: TextFile) -> Contents:
    """Detect the format of a file. Raises ImportProblem if it is not supported."""
    return _read_steam(text) if _is_steam(text) else _read_csv(text)


def _read_csv(text: TextFile) -> Contents:
    lines = text.lines()
    records = csv.reader(lines, strict=False)
    try:
        header = [title.strip() for title in next(records, [])]
    except csv.Error as error:
        raise ImportProblem("This is not a CSV file. Send the export as it was made.") from error
    kind = _kind_of(header)
    return Contents(kind.source, kind.feedback, _rows(kind, header, lines, records))


def _rows(
    kind: _CsvKind, header: list[str], lines: Lines, records: Iterator[list[str]]
) -> Iterator[Entry | RejectedLine]:
    used = {*kind.required, *kind.optional}
    places = {name: place for place, name in enumerate(header) if name in used}
    people = set()
    for cells in _records(lines, records):
        if isinstance(cells, RejectedLine):
            yield cells
        elif len(cells) != len(header):
            yield RejectedLine(lines.number, f"{len(cells)} fields, not {len(header)}")
        else:
            row = {name: cells[place].strip() for name, place in places.items()}
            people.add(row.get("userId", "")[:LONGEST_FIELD])
            if len(people) > 1:
                raise ImportProblem(
                    "This file holds the ratings of several people. Send one with yours alone."
                )
            yield _parsed(kind.parse, lines.number, row)


def _records(lines: Lines, records: Iterator[list[str]]) -> Iterator[list[str] | RejectedLine]:
    """Yield the cells of each record that is not empty."""
    while True:
        lines.begin_record()
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield RejectedLine(lines.number, f"not CSV ({error})")
            continue
        if "".join(cells).strip():
            yield cells


def _parsed(parse: Parser, line: int, row: Row) -> Entry | RejectedLine:
    if any(len(cell) > LONGEST_FIELD for cell in row.values()):
        return RejectedLine(line, "a field is far too long")
    try:
        return parse(line, row)
    except _BadLine as error:
        return RejectedLine(line, str(error))


def _kind_of(header: list[str]) -> _CsvKind:
    for kind in _KNOWN:
        if set(kind.required) <= set(header):
            return kind
    shown = ", ".join(cell[:40] for cell in header[:6] if cell) or "nothing"
    raise ImportProblem(
        f"We do not know this kind of file: its first line says “{shown}”. We read MovieLens"
        " (userId, movieId, rating), IMDb (Const, Your Rating), Letterboxd (Name, Year, Rating),"
        " Steam libraries, and what you exported here."
    )


def _marquee(line: int, row: Row) -> Entry:
    return Entry(
        line,
        unguarded(row["title"]),
        _whole(row.get("year"), "year"),
        item_id=_whole(row["item_id"], "item_id"),
        imdb_id=row.get("imdb_id") or None,
        tmdb_id=_whole(row.get("tmdb_id"), "tmdb_id"),
        stars=_stars(row["rating"]) if "rating" in row else None,
        hours=_hours(row["hours"]) if "hours" in row else None,
        at=_moment(row["rated_at"]),
    )


def _movielens(line: int, row: Row) -> Entry:
    if (item_id := _whole(row["movieId"], "movieId")) is None:
        raise _BadLine("no movieId")
    at = _whole(row.get("timestamp"), "timestamp")
    when = datetime.fromtimestamp(at, UTC) if at else None
    title = f"MovieLens title {item_id}"
    return Entry(line, title, item_id=item_id, stars=_stars(row["rating"]), at=when)


def _movielens_site(line: int, row: Row) -> Entry:
    """Parse a line of the export of movielens.org."""
    imdb = row.get("imdb_id", "").removeprefix("tt")
    title, year = split_title(row["title"])
    return Entry(
        line,
        title,
        year,
        item_id=_whole(row["movie_id"], "movie_id"),
        imdb_id=f"tt{imdb.zfill(7)}" if imdb else None,
        tmdb_id=_whole(row.get("tmdb_id"), "tmdb_id"),
        stars=_stars(row["rating"]),
    )


def _imdb(line: int, row: Row) -> Entry:
    return Entry(
        line,
        row.get("Title", ""),
        _whole(row.get("Year"), "Year"),
        imdb_id=row["Const"] or None,
        stars=_stars(row["Your Rating"], of=10),
        at=_moment(row.get("Date Rated", "")),
    )


def _letterboxd(line: int, row: Row) -> Entry:
    if not row["Name"]:
        raise _BadLine("no name")
    stars = _stars(row["Rating"]) if row.get("Rating") else None
    at = _moment(row.get("Date", ""))
    return Entry(line, row["Name"], _whole(row["Year"], "Year"), stars=stars, at=at)


_KNOWN = (
    _CsvKind(
        *("Marquee", EXPLICIT, ("item_id", "title", "rating", "rated_at")),
        *(("year", "imdb_id", "tmdb_id"), _marquee),
    ),
    _CsvKind(
        *("Marquee", IMPLICIT, ("item_id", "title", "hours", "rated_at")),
        *(("year", "imdb_id", "tmdb_id"), _marquee),
    ),
    _CsvKind("MovieLens", EXPLICIT, ("movieId", "rating"), ("userId", "timestamp"), _movielens),
    _CsvKind(
        *("MovieLens", EXPLICIT, ("movie_id", "rating", "title")),
        *(("imdb_id", "tmdb_id"), _movielens_site),
    ),
    _CsvKind(
        *("IMDb", EXPLICIT, ("Const", "Your Rating")),
        *(("Title", "Year", "Date Rated"), _imdb),
    ),
    _CsvKind("Letterboxd", EXPLICIT, ("Name", "Year", "Rating"), ("Date",), _letterboxd),
    _CsvKind("Letterboxd", EXPLICIT, ("Name", "Year", "Letterboxd URI"), ("Date",), _letterboxd),
)


def _is_steam(text: TextFile) -> bool:
    return text.start(START).lstrip()[:1] == "{"


def _read_steam(text: TextFile) -> Contents:
    """Read an answer of Steam's GetOwnedGames (JSON), or one line of the published data set."""
    library = text.start(LARGEST_LIBRARY + 1)
    if len(library) > LARGEST_LIBRARY:
        raise ImportProblem("This is too large for the Steam library of one person.")
    games = _games_of(_parse_library(library))
    return Contents("Steam", IMPLICIT, (_game(*row) for row in enumerate(games, start=1)))


def _parse_library(text: str) -> Any:
    # Whatever is small as text and large in memory has a bracket of its own.
    if text.count("{") + text.count("[") > MOST_LINES:
        raise _too_many_games()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        line, _, rest = text.strip().partition("\n")
    try:
        library = json.loads(as_json(line))
    except (ValueError, RecursionError) as error:
        raise ImportProblem("We could not read this as a Steam library.") from error
    if rest:
        raise ImportProblem(
            "This file holds the Steam libraries of several people. Send one with yours alone."
        )
    return library


def _games_of(library: Any) -> list[Any]:
    library = library.get("response", library) if isinstance(library, dict) else library
    games = library.get("items", library.get("games")) if isinstance(library, dict) else None
    if not isinstance(games, list):
        raise ImportProblem("This Steam file lists no games.")
    if len(games) > MOST_LINES:
        raise _too_many_games()
    return games


def _too_many_games() -> ImportProblem:
    return ImportProblem(f"This Steam file lists more than {MOST_LINES:,} games.")


def _game(number: int, game: Any) -> Entry | RejectedLine:
    try:
        library_entry = owned(game)
    except BadLine as error:
        return RejectedLine(number, str(error))
    title = library_entry.name[:LONGEST_FIELD]
    return Entry(number, title, item_id=library_entry.app_id, hours=library_entry.hours)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError as error:
        raise _BadLine(f"“{text[:20]}” is no number of hours") from error
    if not 0 <= hours <= SCALES[IMPLICIT].high:
        raise _BadLine(f"{text[:20]} hours are more than there are, or fewer")
    return hours


def _stars(text: str, of: int = 5) -> float:
    """Convert a rating to half stars out of five from a scale that ends at ``of``."""
    try:
        value = float(text.replace(",", "."))
    except ValueError as error:
        raise _BadLine(f"“{text[:20]}” is no rating") from error
    stars = value * 5 / of
    if not 0 < stars <= 5:
        raise _BadLine(f"a rating of {text[:20]} is off the scale, which ends at {of}")
    return max(0.5, math.floor(stars * 2 + 0.5) / 2)


def _whole(text: str | None, name: str) -> int | None:
    try:
        number = int(text) if text else None
    except ValueError as error:
        raise _BadLine(f"{name} is “{(text or '')[:20]}”, not a whole number") from error
    if number is not None and not 0 <= number < 2**31:
        raise _BadLine(f"{name} is out of range")
    return number


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _BadLine(f"“{text[:30]}” is no date") from error
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise _BadLine(f"“{text[:30]}” is no date we know") from error
