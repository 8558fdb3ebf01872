"""The files we know: MovieLens, IMDb, Letterboxd, Steam, and our own export."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.export import unguarded
from app.importing.files import ImportProblem
from recommender.feedback import EXPLICIT, IMPLICIT, SCALES
from recommender.steam_file import BadLine, owned
from recommender.titles import split_title

MOST_LINES = 100_000
LONGEST_FIELD = 2_000
# Python literals take a hundred times their size to read; the largest library has 1 MB.
LARGEST_LIBRARY = 3_000_000


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


@dataclass
class Contents:
    """What was read. ``feedback``: stars or hours, as a release has it. ``bad``: lines left out,
    each with what is wrong with it."""

    source: str
    feedback: str = EXPLICIT
    entries: list[Entry] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)


class _BadLine(Exception):
    pass


Row = Mapping[str, str]


def read(texts: Mapping[str, str]) -> Contents:
    """All entries of the files that one upload held. Raises ImportProblem for a file of no known
    kind."""
    whole: Contents | None = None
    for text in texts.values():
        part = _read_steam(text) if _is_steam(text) else _read_csv(text)
        if whole is None:
            whole = part
        else:
            whole.entries += part.entries
            whole.bad += part.bad
    assert whole is not None
    return whole


def _read_csv(text: str) -> Contents:
    rows = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=False)
    try:
        header = [title.strip() for title in next(rows, [])]
    except csv.Error as error:
        raise ImportProblem("This is not a CSV file. Send the export as it was made.") from error
    source, feedback, parse = _kind_of(header)
    contents = Contents(source, feedback)
    people: set[str] = set()
    for line, cells in _lines(rows, contents):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        people.add(row.get("userId", ""))
        if len(people) > 1:
            raise ImportProblem(
                "This file holds the ratings of several people. Send one with yours alone."
            )
        try:
            if len(cells) != len(header):
                raise _BadLine(f"{len(cells)} fields, not {len(header)}")
            contents.entries.append(parse(line, row))
        except _BadLine as error:
            contents.bad.append((line, str(error)))
    return contents


def _lines(rows: Any, contents: Contents) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not empty."""
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            contents.bad.append((rows.line_num, f"not CSV ({error})"))
            continue
        if rows.line_num > MOST_LINES:
            raise ImportProblem(f"This file has more than {MOST_LINES:,} lines. Is it all yours?")
        if any(len(cell) > LONGEST_FIELD for cell in cells):
            contents.bad.append((rows.line_num, "a field is far too long"))
        elif any(cell.strip() for cell in cells):
            yield rows.line_num, cells


def _kind_of(header: list[str]) -> tuple[str, str, Callable[[int, Row], Entry]]:
    """Whose file it is, of which feedback, and what reads a line."""
    for source, feedback, columns, parse in _KNOWN:
        if set(columns) <= set(header):
            return source, feedback, parse
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
    """What movielens.org lets people download."""
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


_KNOWN: tuple[tuple[str, str, tuple[str, ...], Callable[[int, Row], Entry]], ...] = (
    ("Marquee", EXPLICIT, ("item_id", "title", "rating", "rated_at"), _marquee),
    ("Marquee", IMPLICIT, ("item_id", "title", "hours", "rated_at"), _marquee),
    ("MovieLens", EXPLICIT, ("movieId", "rating"), _movielens),
    ("MovieLens", EXPLICIT, ("movie_id", "rating", "title"), _movielens_site),
    ("IMDb", EXPLICIT, ("Const", "Your Rating"), _imdb),
    ("Letterboxd", EXPLICIT, ("Name", "Year", "Rating"), _letterboxd),
    ("Letterboxd", EXPLICIT, ("Name", "Year", "Letterboxd URI"), _letterboxd),
)


def _is_steam(text: str) -> bool:
    return text.lstrip()[:1] == "{"


def _read_steam(text: str) -> Contents:
    """What Steam's GetOwnedGames answers (JSON), or one line of the published data set."""
    if len(text) > LARGEST_LIBRARY:
        raise ImportProblem("This is too large for the Steam library of one person.")
    contents = Contents("Steam", IMPLICIT)
    for line, library in _libraries(text):
        if line > 1:
            raise ImportProblem(
                "This file holds the libraries of several people. Send one with yours alone."
            )
        games = library.get("items", library.get("games"))
        if not isinstance(games, list):
            raise ImportProblem("This Steam file lists no games.")
        for number, game in enumerate(games[:MOST_LINES], start=1):
            try:
                contents.entries.append(_game(number, game))
            except _BadLine as error:
                contents.bad.append((number, str(error)))
    return contents


def _libraries(text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        whole = json.loads(text)
        yield 1, whole.get("response", whole)
        return
    except (ValueError, RecursionError, AttributeError):
        pass
    for number, line in enumerate((part for part in text.splitlines() if part.strip()), start=1):
        try:
            library = ast.literal_eval(line)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ImportProblem("We could not read this as a Steam library.") from error
        if not isinstance(library, dict):
            raise ImportProblem("We could not read this as a Steam library.")
        yield number, library


def _game(number: int, game: Any) -> Entry:
    try:
        found = owned(game)
    except BadLine as error:
        raise _BadLine(str(error)) from error
    return Entry(number, found.name[:LONGEST_FIELD], item_id=found.app_id, hours=found.hours)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError as error:
        raise _BadLine(f"“{text[:20]}” is no number of hours") from error
    if not 0 <= hours <= SCALES[IMPLICIT].high:
        raise _BadLine(f"{text[:20]} hours are more than there are, or fewer")
    return hours


def _stars(text: str, of: int = 5) -> float:
    """Half stars out of five, whatever the file's own scale."""
    try:
        given = float(text.replace(",", "."))
    except ValueError as error:
        raise _BadLine(f"“{text[:20]}” is no rating") from error
    stars = given * 5 / of
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
