"""Read CSV files of ratings: MovieLens, IMDb, Letterboxd, and our own export."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from app.portability.entries import LONGEST_FIELD, Contents, Entry, RejectedLine, parse_line
from app.portability.exports import unguarded
from app.portability.text import Lines, TextFile
from app.portability.uploads import ImportProblem
from recommender.feedback import EXPLICIT, IMPLICIT, SCALES
from recommender.formats.steam import BadLine
from recommender.formats.titles import split_title

Row = Mapping[str, str]
Value = TypeVar("Value")


class CsvKind(NamedTuple):
    """CSV files of a service, recognised by the ``required`` columns; others are not read."""

    source: str
    feedback: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    parse: Callable[[int, Row], Entry]


def read_csv(text: TextFile) -> Contents:
    """Detect the kind of a CSV file. Raises ImportProblem if it is not supported."""
    lines = text.lines()
    records = csv.reader(lines, strict=False)
    try:
        header = [title.strip() for title in next(records, [])]
    except csv.Error as error:
        raise ImportProblem("This is not a CSV file. Send the export as it was made.") from error
    kind = _kind_of(header)
    return Contents(kind.source, kind.feedback, _rows(kind, header, lines, records))


def _kind_of(header: list[str]) -> CsvKind:
    for kind in KINDS:
        if set(kind.required) <= set(header):
            return kind
    shown = ", ".join(cell[:40] for cell in header[:6] if cell) or "nothing"
    raise ImportProblem(
        f"We do not know this kind of file: its first line says “{shown}”. We read MovieLens"
        " (userId, movieId, rating), IMDb (Const, Your Rating), Letterboxd (Name, Year, Rating),"
        " Steam libraries, and what you exported here."
    )


def _rows(
    kind: CsvKind, header: list[str], lines: Lines, records: Iterator[list[str]]
) -> Iterator[Entry | RejectedLine]:
    used = {*kind.required, *kind.optional}
    places = {name: place for place, name in enumerate(header) if name in used}
    people = set()
    while True:
        lines.begin_record()
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield RejectedLine(lines.number, f"not CSV ({error})")
            continue
        if not "".join(cells).strip():
            continue
        if len(cells) != len(header):
            yield RejectedLine(lines.number, f"{len(cells)} fields, not {len(header)}")
            continue
        row = {name: cells[place].strip() for name, place in places.items()}
        people.add(row.get("userId", "")[:LONGEST_FIELD])
        if len(people) > 1:
            raise ImportProblem(
                "This file holds the ratings of several people. Send one with yours alone."
            )
        yield _parse(kind, lines.number, row)


def _marquee(line: int, row: Row) -> Entry:
    return Entry(
        line,
        unguarded(row["title"]),
        _whole(row, "year"),
        item_id=_whole(row, "item_id"),
        imdb_id=row.get("imdb_id") or None,
        tmdb_id=_whole(row, "tmdb_id"),
        stars=_stars(row["rating"]) if "rating" in row else None,
        hours=_hours(row["hours"]) if "hours" in row else None,
        at=_moment(row["rated_at"]),
    )


def _movielens(line: int, row: Row) -> Entry:
    if (item_id := _whole(row, "movieId")) is None:
        raise BadLine("no movieId")
    at = _whole(row, "timestamp")
    when = datetime.fromtimestamp(at, UTC) if at else None
    title = f"MovieLens title {item_id}"
    return Entry(line, title, item_id=item_id, stars=_stars(row["rating"]), at=when)


def _movielens_site(line: int, row: Row) -> Entry:
    """Parse a line of the export of movielens.org."""
    imdb = row.get("imdb_id", "").removeprefix("tt")
    return Entry(
        line,
        *split_title(row["title"]),
        item_id=_whole(row, "movie_id"),
        imdb_id=f"tt{imdb.zfill(7)}" if imdb else None,
        tmdb_id=_whole(row, "tmdb_id"),
        stars=_stars(row["rating"]),
    )


def _imdb(line: int, row: Row) -> Entry:
    return Entry(
        line,
        row.get("Title", ""),
        _whole(row, "Year"),
        imdb_id=row["Const"] or None,
        stars=_stars(row["Your Rating"], of=10),
        at=_moment(row.get("Date Rated", "")),
    )


def _letterboxd(line: int, row: Row) -> Entry:
    if not row["Name"]:
        raise BadLine("no name")
    stars = _stars(row["Rating"]) if row.get("Rating") else None
    at = _moment(row.get("Date", ""))
    return Entry(line, row["Name"], _whole(row, "Year"), stars=stars, at=at)


def _parse(kind: CsvKind, line: int, row: Row) -> Entry | RejectedLine:
    if any(len(cell) > LONGEST_FIELD for cell in row.values()):
        return RejectedLine(line, "a field is far too long")
    return parse_line(kind.parse, line, row)


_IDS = ("imdb_id", "tmdb_id")
KINDS = (
    CsvKind(
        "Marquee", EXPLICIT, ("item_id", "title", "rating", "rated_at"), ("year", *_IDS), _marquee
    ),
    CsvKind(
        "Marquee", IMPLICIT, ("item_id", "title", "hours", "rated_at"), ("year", *_IDS), _marquee
    ),
    CsvKind("MovieLens", EXPLICIT, ("movieId", "rating"), ("userId", "timestamp"), _movielens),
    CsvKind("MovieLens", EXPLICIT, ("movie_id", "rating", "title"), _IDS, _movielens_site),
    CsvKind("IMDb", EXPLICIT, ("Const", "Your Rating"), ("Title", "Year", "Date Rated"), _imdb),
    CsvKind("Letterboxd", EXPLICIT, ("Name", "Year", "Rating"), ("Date",), _letterboxd),
    CsvKind("Letterboxd", EXPLICIT, ("Name", "Year", "Letterboxd URI"), ("Date",), _letterboxd),
)


def _convert(text: str, read: Callable[[str], Value], problem: str) -> Value:
    """Return what ``read`` makes of a cell; reject the line with ``problem`` if it cannot."""
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise BadLine(problem.format(text[:30])) from error


def _hours(text: str) -> float:
    hours, most = _convert(text, float, "“{}” is not a number of hours"), SCALES[IMPLICIT].high
    if not 0 <= hours <= most:
        raise BadLine(f"{text[:20]} hours is not from 0 to {most:,.0f}")
    return hours


def _stars(text: str, of: int = 5) -> float:
    """Convert a rating to half stars out of five from a scale that ends at ``of``."""
    stars = _convert(text, _decimal, "“{}” is not a rating") * 5 / of
    if not 0 < stars <= 5:
        raise BadLine(f"a rating of {text[:20]} is off the scale, which ends at {of}")
    return max(0.5, math.floor(stars * 2 + 0.5) / 2)


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def _whole(row: Row, name: str) -> int | None:
    if not (text := row.get(name)):
        return None
    number = _convert(text, int, name + " is “{}”, not a whole number")
    if not 0 <= number < 2**31:
        raise BadLine(f"{name} is out of range")
    return number


def _moment(text: str) -> datetime | None:
    return _convert(text, _utc, "“{}” is not a date") if text else None


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
