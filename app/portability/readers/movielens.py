"""Ratings of MovieLens data sets, and the three downloads of movielens.org."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from app.portability.entries import Entry, FileRow, Note, RejectedLine, placeholder_title
from app.portability.readers.tables import Kind, Row, Table
from app.portability.readers.values import stars_of
from recommender.formats.steam import BadLine
from recommender.formats.titles import split_title

LOG = "activity log"


def read(tables: Sequence[Table]) -> Iterator[FileRow]:
    """Read the tables of one person. The activity log dates the ratings; alone it has them too."""
    logs = [table for table in tables if table.kind.name == LOG]
    others = [table for table in tables if table.kind.name != LOG]
    if not others:
        for log in logs:
            yield from log.rows()
        return
    dates: dict[int, datetime] = {}
    for row in (row for log in logs for row in log.rows()):
        if isinstance(row, Entry) and row.item_id is not None and row.at:
            dates[row.item_id] = max(row.at, dates.get(row.item_id, row.at))
        elif isinstance(row, (RejectedLine, Note)):
            yield row
    for row in (row for table in others for row in table.rows()):
        is_undated = isinstance(row, Entry) and row.value is not None and row.at is None
        if is_undated and isinstance(row, Entry):
            row = replace(row, at=dates.get(row.item_id)) if row.item_id in dates else row
        yield row


def _rating(row: Row) -> Entry:
    """Parse a line of a data set, or of movielens.org, which adds title and external ids."""
    item_id = row.whole("movieid")
    if item_id is None:
        raise BadLine("no movieId")
    if (stars := row.stars("rating")) is None:
        raise BadLine("no rating")
    title, year = _title(row, item_id)
    return _with_ids(row, Entry(row.line, title, year, item_id, stars=stars, at=row.at()))


def _wish(row: Row) -> Entry:
    item_id = row.whole("movieid")
    title, year = _title(row, item_id)
    mark = row.mark or ""
    return _with_ids(row, Entry(row.line, title, year, item_id, mark=mark))


def _title(row: Row, item_id: int | None) -> tuple[str, int | None]:
    title = row.text("title")
    return split_title(title) if title else (placeholder_title(item_id), None)


def _with_ids(row: Row, entry: Entry) -> Entry:
    return replace(entry, imdb_id=row.imdb_id("imdbid"), tmdb_id=row.known_id("tmdbid"))


def _action(row: Row) -> Entry | None:
    """Parse a line of the activity log; None where it is not of a rating that was given."""
    if "rating" not in row.text("actiontype").lower():
        return None
    try:
        action = json.loads(row.text("logjson"))
    except (ValueError, RecursionError) as error:
        raise BadLine("log_json cannot be read") from error
    if not isinstance(action, dict):
        return None
    values = {str(name).lower().replace("_", ""): value for name, value in action.items()}
    item_id, rating = str(values.get("movieid", values.get("itemid"))), values.get("rating")
    if rating is None or not (item_id.isascii() and item_id.isdecimal() and len(item_id) < 10):
        return None
    title = placeholder_title(int(item_id))
    return Entry(row.line, title, item_id=int(item_id), stars=stars_of(str(rating)), at=row.at())


_SOURCE = "MovieLens"
_STAMPS = ("timestamp", "date", "datetime", "ratedat")
KINDS = (
    Kind(_SOURCE, "ratings", ("movieid", "rating"), _rating, dates=_STAMPS, person="userid"),
    Kind(_SOURCE, "wishlist", ("movieid", "title", "averagerating"), _wish),
    Kind(_SOURCE, LOG, ("datetime", "actiontype", "logjson"), _action, dates=("datetime",)),
)
