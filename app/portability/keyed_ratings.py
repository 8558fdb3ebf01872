"""Read ratings whose users and items are named by the catalogue's own keys."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.recommend.feedback_kind import BEST
from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from recommender.formats.cells import decimal_number, seconds_of, whole_number
from recommender.formats.delimited import MissingColumn, fields_of, find_columns
from recommender.formats.movielens import ML_CSV
from recommender.formats.rating_format import LAST_SECOND, Row
from recommender.storage.release import Release

COLUMNS = ("userKey", "itemKey")
VALUE, TIME = "rating", "timestamp"
# Of an export, beside the keys, which people who signed up here do not have.
IDS = ("userId", "movieId")
# Keys of a side that are looked up once.
_KEPT = 100_000
Lookup = Callable[[str], int | None]


@dataclass
class UnknownKeys:
    """Numbers of lines left out, since the release gave their keys no ids."""

    users: int = 0
    items: int = 0


@dataclass(frozen=True)
class _Layout:
    """Places of the columns in a line; None of those that the file lacks."""

    separator: str
    keys: tuple[int, int]
    value: int | None
    time: int | None
    ids: tuple[int, int] | None


def find_keyed(path: Path) -> Path | None:
    """Return the file of ratings at or in ``path``, if its header names keys."""
    file = path / ML_CSV.ratings_file if path.is_dir() else path
    with suppress(OSError, UnicodeDecodeError, MissingColumn):
        with file.open(encoding="utf-8-sig") as text:
            find_columns(text.readline(), COLUMNS)
        return file
    return None


def read_keyed(
    path: Path, release: Release, batch: int, unknown: UnknownKeys
) -> Iterator[tuple[list[Row], int]]:
    """Yield rows in the order of the file, ``batch`` at a time, with the bytes read since.

    A value is on the catalogue's own scale; in an export of the site, which names ids as well, it
    is in stars. Without a column of values each is 1, without one of times it is the oldest. Raises
    DataError naming the first line that is malformed or off the scale.
    """
    assert release.keys is not None
    rows: list[Row] = []
    read = 0
    with path.open("rb") as raw:
        lines = (line.decode("utf-8-sig", "replace") for line in raw)
        layout = _layout(next(lines))
        table = csv.reader(lines, delimiter=layout.separator)
        for row in _rows(path, table, layout, release, unknown):
            rows.append(row)
            if len(rows) == batch:
                yield rows, raw.tell() - read
                rows, read = [], raw.tell()
        yield rows, raw.tell() - read


def _layout(header: str) -> _Layout:
    columns = find_columns(header, COLUMNS)
    names = [name.strip().lower().replace("_", "") for name in fields_of(header, columns.separator)]
    value, time, user, item = (
        names.index(name.lower()) if name.lower() in names else None for name in (VALUE, TIME, *IDS)
    )
    ids = None if user is None or item is None else (user, item)
    return _Layout(columns.separator, (columns.places[0], columns.places[1]), value, time, ids)


def _rows(
    path: Path,
    lines: Iterable[list[str]],
    layout: _Layout,
    release: Release,
    unknown: UnknownKeys,
) -> Iterator[Row]:
    assert release.keys is not None
    user_of, item_of = map(lru_cache(_KEPT), (release.keys.users.id_of, release.keys.items.id_of))
    low, high, times = _scale(release, is_export=layout.ids is not None)
    for number, fields in enumerate(lines, 2):
        if not fields:
            continue
        try:
            user = _id(fields, layout.keys[0], user_of, layout.ids and layout.ids[0])
            item = _id(fields, layout.keys[1], item_of, layout.ids and layout.ids[1])
            value = 1.0 if layout.value is None else decimal_number(fields[layout.value].strip())
            seconds = 0 if layout.time is None else seconds_of(fields[layout.time].strip())
        except IndexError:
            raise DataError(f"{path}, line {number}: too few fields; correct the line") from None
        if value is None or not low <= value <= high:
            raise DataError(
                f"{path}, line {number}: the {VALUE} is not a number from {low:g} to {high:g};"
                " correct or remove the line"
            )
        if seconds is None or not 0 <= seconds <= LAST_SECOND:
            raise DataError(
                f"{path}, line {number}: the {TIME} is not whole seconds since 1970 or a date;"
                " correct or remove the line"
            )
        unknown.users += user is None
        unknown.items += user is not None and item is None
        if user is not None and item is not None:
            yield Row(user, item, value / times, seconds)


def _scale(release: Release, is_export: bool) -> tuple[float, float, float]:
    """Return the lowest and highest value of a file, and what a stored one is multiplied by."""
    catalogue = release.catalogue
    own = catalogue.feedback == EXPLICIT and not is_export
    times = catalogue.points / BEST if own else 1.0
    return catalogue.rating_min * times, catalogue.rating_max * times, times


def _id(fields: list[str], key: int, id_of: Lookup, given: int | None) -> int | None:
    """Return the id of the key in a line, or the id that stands beside an empty key."""
    if text := fields[key].strip():
        return id_of(text)
    number = None if given is None else whole_number(fields[given].strip())
    return number if number is not None and 0 <= number <= LARGEST_ID else None
