"""The export of Letterboxd, its lists, and the format in which other tools write for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.portability.entries import SEEN, UNDECIDED, Entry, FileRow
from app.portability.readers.tables import Kind, Row, Table
from recommender.formats.steam import BadLine

RATINGS, DIARY, REVIEWS = ("ratings", "diary", "reviews")


def read(tables: Sequence[Table]) -> Iterator[FileRow]:
    """Read the tables of one export. A rating in ``ratings.csv`` is the person's own of today;
    those of the diary and the reviews are of their days, and count only where it is missing."""
    has_ratings = any(table.kind.name == RATINGS for table in tables)
    for table in tables:
        of_a_day = has_ratings and table.kind.name in (DIARY, REVIEWS)
        for row in table.rows():
            if of_a_day and isinstance(row, Entry):
                row = replace(row, stars=None, mark=SEEN)
            yield row


def _film(row: Row, mark: str) -> Entry:
    if not (name := row.text("name")):
        raise BadLine("no name")
    return Entry(
        row.line, name, row.year("year"), stars=row.stars("rating"), at=row.at(), mark=mark
    )


def _viewing(row: Row) -> Entry:
    return _film(row, SEEN)


def _listed(row: Row) -> Entry:
    return _film(row, row.mark or UNDECIDED)


def _import_format(row: Row) -> Entry:
    """Parse what https://letterboxd.com/about/importing-data/ documents."""
    title = row.text("title", "name")
    imdb_id, tmdb_id = row.imdb_id("imdbid"), row.known_id("tmdbid")
    if not (title or imdb_id or tmdb_id):
        raise BadLine("no title")
    of_ten = row.stars("rating10", of=10)
    watched = SEEN if row.cells.get("watcheddate") or row.cells.get("rewatch") else None
    return Entry(
        row.line,
        title,
        row.year("year"),
        imdb_id=imdb_id,
        tmdb_id=tmdb_id,
        stars=row.stars("rating") if of_ten is None else of_ten,
        at=row.at(),
        mark=watched or row.mark or UNDECIDED,
        creators=row.several("directors"),
    )


_SOURCE = "Letterboxd"
_FILM = ("name", "year")
_URI = (*_FILM, "letterboxduri")
_DATES = ("date", "watcheddate")
_OF_TOOLS = ("rating", "rating10", "watcheddate", "directors")
KINDS = (
    Kind(_SOURCE, REVIEWS, (*_URI, "review"), _viewing, dates=_DATES),
    Kind(_SOURCE, DIARY, (*_URI, "rewatch"), _viewing, dates=_DATES),
    Kind(_SOURCE, RATINGS, (*_FILM, "rating"), _listed, dates=_DATES, without=("tmdbid",)),
    Kind(_SOURCE, "films", _URI, _listed, dates=_DATES),
    Kind(_SOURCE, "list", ("position", *_FILM, "url"), _listed),
    *(
        Kind(
            *(_SOURCE, "films of another tool", (column,), _import_format, _OF_TOOLS),
            *(("movieid", "itemid"), ("watcheddate",)),
        )
        for column in ("title", "name", "imdbid", "tmdbid")
    ),
)
