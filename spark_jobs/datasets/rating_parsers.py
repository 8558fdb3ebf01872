"""Parses texts of ratings on the workers: by Arrow where it can, else line by line.

Line by line the same code reads as in a bulk import; it alone decides which line is bad, and why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from recommender.catalogue import LARGEST_ID
from recommender.formats.rating_format import (
    LAST_SECOND,
    PLAIN,
    Problem,
    RatingsFormat,
    parse_lines,
)
from spark_jobs.ratings import Ratings

ARROW_TYPES = (pa.int32(), pa.int32(), pa.float32(), pa.int64())
NOTHING = Ratings(*(np.empty(0, kind.to_pandas_dtype()) for kind in ARROW_TYPES))


class About(NamedTuple):
    """What came of parsing some lines. ``rejected``: Arrow cannot read them. Line by line only: how
    many ``lines`` there were, how many were ``bad`` or ``mended``, and the first of each, its
    number counted from 0."""

    rejected: bool = False
    lines: int = 0
    bad: int = 0
    problem: Problem | None = None
    mended: int = 0
    first_mended: int = 0


class Parsed(NamedTuple):
    """The ratings of some lines, as in Ratings."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]
    about: About = About()


REJECTED = Parsed(*NOTHING, About(rejected=True))


def arrow_types(form: RatingsFormat) -> tuple[pa.DataType, ...] | None:
    """Return the types by which Arrow reads the four columns; None if it cannot read the style."""
    style = form.style
    if style.time and not style.year_first:
        return None
    if style == PLAIN:
        return ARROW_TYPES
    return (*3 * [pa.float64()], pa.timestamp("s") if style.time else pa.float64())


def parse_by_arrow(text: bytes, form: RatingsFormat) -> Parsed:
    """Parse a text by Arrow, which rejects it as a whole or not at all."""
    columns, separator, plain = form.columns, form.columns.separator, form.style == PLAIN
    if len(separator) > 1:
        text, separator = text.replace(separator.encode(), b"\t"), "\t"
    if not text.strip():
        return Parsed(*NOTHING)
    if not _is_safe(text, plain):
        return REJECTED
    names = [str(n) for n in range(columns.width)]
    used = [names[place] for place in columns.places]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=1 << 24),
            arrow_csv.ParseOptions(delimiter=separator, quote_char=False if plain else '"'),
            arrow_csv.ConvertOptions(
                column_types=dict(zip(used, arrow_types(form) or (), strict=True)),
                include_columns=used,
                null_values=[""],
                strings_can_be_null=True,
                decimal_point="," if form.style.decimal_comma else ".",
            ),
        )
    except pa.ArrowInvalid:
        return REJECTED
    if any(table[name].null_count for name in used):
        return REJECTED
    return _checked([table[name].to_numpy() for name in used], form)


def _is_safe(text: bytes, plain: bool) -> bool:
    """Whether Arrow takes nothing in a text for another number than it is.

    It takes hexadecimal numbers, and "1.000" for one, which may be a thousand.
    """
    if b"x" in text and b"0x" in text:
        return False
    return plain or not (b".000" in text or b",000" in text)


def _checked(columns: list[NDArray[Any]], form: RatingsFormat) -> Parsed:
    """Return the columns as ratings if all are possible."""
    users, items, values, times = columns
    if times.dtype.kind == "M":
        times = times.astype(np.int64)
    possible = (users >= 0) & (users <= LARGEST_ID) & (items >= 0) & (items <= LARGEST_ID)
    possible &= (values >= form.lowest) & (values <= form.highest)
    possible &= (times >= 0) & (times <= LAST_SECOND)
    for column in (users, items, times):
        if column.dtype.kind == "f":
            possible &= column == np.floor(column)
    if not possible.all():
        return REJECTED
    return Parsed(
        users.astype(np.int32, copy=False),
        items.astype(np.int32, copy=False),
        values.astype(np.float32, copy=False),
        times.astype(np.int64, copy=False),
    )


def parse_by_line(text: bytes, form: RatingsFormat) -> Parsed:
    """Parse a text line by line, as any program may have written it."""
    lines = text.split(b"\n")
    problems: list[Problem] = []
    mended: list[int] = []
    rows = list(parse_lines(lines, form, 0, problems.append, mended.append))
    columns = zip(*rows, strict=True) if rows else NOTHING
    users, items, values, seconds = columns
    about = About(
        lines=len(lines),
        bad=len(problems),
        problem=problems[0] if problems else None,
        mended=len(mended),
        first_mended=mended[0] if mended else 0,
    )
    return Parsed(
        np.array(users, np.int32),
        np.array(items, np.int32),
        np.array(values, np.float32),
        np.array(seconds, np.int64),
        about,
    )
