"""What was exported here: values, the lists of titles, and lines that wait for one."""

from __future__ import annotations

from dataclasses import replace

from app.portability.entries import MARKS, SEEN, WISHED, Entry
from app.portability.exports import unguarded
from app.portability.readers.tables import Kind, Row
from recommender.feedback import COUNTS, IMPLICIT, SCALES, Scale
from recommender.formats.cells import decimal_number
from recommender.formats.steam import BadLine

_MARKS = {"watchlist": WISHED, "seen": SEEN}


def _rating(row: Row) -> Entry:
    # A title that was only watched has a number that we, not the person, gave it.
    is_watched = row.text("isimplicit").lower() in ("true", "1")
    stars = None if is_watched else _stars(row)
    if stars is None and not is_watched:
        raise BadLine("no rating")
    return _item(row, stars=stars, mark=SEEN)


def _stars(row: Row) -> float | None:
    """Read a rating, of five stars or on the scale whose end stands beside it."""
    return row.stars("rating", of=decimal_number(row.text("of")) or 5)


def _hours(row: Row) -> Entry:
    return _item(row, hours=_number_of_hours(row))


def _count(row: Row) -> Entry:
    return _item(row, hours=_number(row, "count", "a count", COUNTS))


def _number_of_hours(row: Row) -> float:
    return _number(row, "hours", "a number of hours", SCALES[IMPLICIT])


def _number(row: Row, column: str, name: str, scale: Scale) -> float:
    text, most = row.text(column), scale.high
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise BadLine(f"“{text[:30]}” is not {name}") from error
    if not 0 <= number <= most:
        raise BadLine(f"{text[:20]} {column} is not from 0 to {most:,.0f}")
    return number


def _mark(row: Row) -> Entry | None:
    mark = _MARKS.get(row.text("kind"))
    return _item(row, mark=mark) if mark else None


def _open_stars(row: Row) -> Entry:
    return _open_line(row, stars=_stars(row))


def _open_hours(row: Row) -> Entry:
    return _open_line(row, hours=_number_of_hours(row) if row.text("hours") else None)


def _open_count(row: Row) -> Entry:
    return _open_line(
        row, hours=_number(row, "count", "a count", COUNTS) if row.text("count") else None
    )


def _open_line(row: Row, stars: float | None = None, hours: float | None = None) -> Entry:
    if (mark := row.text("mark")) not in MARKS:
        raise BadLine(f"“{mark[:30]}” is not a mark")
    entry = _item(row, stars, hours, mark)
    original_title = unguarded(row.text("originaltitle"))
    return replace(entry, item_id=row.whole("catalogueid"), original_title=original_title)


def _item(
    row: Row, stars: float | None = None, hours: float | None = None, mark: str = ""
) -> Entry:
    return Entry(
        row.line,
        unguarded(row.text("title")),
        row.year("year"),
        item_id=row.whole("itemid"),
        imdb_id=row.imdb_id("imdbid"),
        tmdb_id=row.known_id("tmdbid"),
        stars=stars,
        hours=hours,
        at=row.at(),
        mark=mark,
    )


_SOURCE = "Marquee"
_ITEM = ("itemid", "title")
_DATES = ("ratedat", "markedat")
_OPEN = ("title", "originaltitle", "catalogueid", "mark", "at")
KINDS = (
    Kind(_SOURCE, "ratings", (*_ITEM, "rating", "ratedat"), _rating, dates=_DATES),
    Kind(
        *(_SOURCE, "hours", (*_ITEM, "hours", "ratedat"), _hours),
        dates=_DATES,
        feedback=IMPLICIT,
    ),
    Kind(
        *(_SOURCE, "counts", (*_ITEM, "count", "ratedat"), _count),
        dates=_DATES,
        feedback=IMPLICIT,
    ),
    Kind(_SOURCE, "open_lines", (*_OPEN, "rating"), _open_stars, dates=("at",)),
    Kind(_SOURCE, "open_lines", (*_OPEN, "hours"), _open_hours, dates=("at",), feedback=IMPLICIT),
    Kind(_SOURCE, "open_lines", (*_OPEN, "count"), _open_count, dates=("at",), feedback=IMPLICIT),
    Kind(_SOURCE, "marks", (*_ITEM, "kind", "markedat"), _mark, dates=_DATES, feedback=""),
)
