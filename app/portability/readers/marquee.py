"""What was exported here: ratings, hours, and the lists of titles."""

from __future__ import annotations

from app.portability.entries import SEEN, WISHED, Entry
from app.portability.exports import unguarded
from app.portability.readers.tables import Kind, Row
from recommender.feedback import IMPLICIT, SCALES
from recommender.formats.steam import BadLine

_MARKS = {"watchlist": WISHED, "seen": SEEN}


def _rating(row: Row) -> Entry:
    # A title that was only watched has a number that we, not the person, gave it.
    is_watched = row.text("isimplicit").lower() in ("true", "1")
    stars = None if is_watched else row.stars("rating")
    if stars is None and not is_watched:
        raise BadLine("no rating")
    return _item(row, stars=stars, mark=SEEN)


def _hours(row: Row) -> Entry:
    text, most = row.text("hours"), SCALES[IMPLICIT].high
    try:
        hours = float(text.replace(",", "."))
    except ValueError as error:
        raise BadLine(f"“{text[:30]}” is not a number of hours") from error
    if not 0 <= hours <= most:
        raise BadLine(f"{text[:20]} hours is not from 0 to {most:,.0f}")
    return _item(row, hours=hours)


def _mark(row: Row) -> Entry | None:
    mark = _MARKS.get(row.text("kind"))
    return _item(row, mark=mark) if mark else None


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
KINDS = (
    Kind(_SOURCE, "ratings", (*_ITEM, "rating", "ratedat"), _rating, dates=_DATES),
    Kind(
        *(_SOURCE, "hours", (*_ITEM, "hours", "ratedat"), _hours),
        dates=_DATES,
        feedback=IMPLICIT,
    ),
    Kind(_SOURCE, "marks", (*_ITEM, "kind", "markedat"), _mark, dates=_DATES, feedback=""),
)
