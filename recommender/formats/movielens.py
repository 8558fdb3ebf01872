"""Reads ratings files in the layouts of MovieLens, in plain Python; ours are written alike."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError

COLUMNS = ("userId", "movieId", "rating", "timestamp")
LAST_SECOND = 253_402_300_799  # of the year 9999
REMEDY = "correct or remove the line"
Lines = IO[bytes] | gzip.GzipFile


@dataclass(frozen=True)
class RatingsLayout:
    """How one generation of MovieLens lays out its ratings. Without a header, fields are in the
    order of ``COLUMNS``."""

    name: str
    ratings_file: str
    separator: str
    header: bool


ML_100K = RatingsLayout("100k", "u.data", "\t", False)
ML_1M = RatingsLayout("1M/10M", "ratings.dat", "::", False)
ML_CSV = RatingsLayout("CSV", "ratings.csv", ",", True)
LAYOUTS = (ML_100K, ML_1M, ML_CSV)


class Row(NamedTuple):
    """``seconds`` since 1970."""

    user_id: int
    item_id: int
    rating: float
    seconds: int


def find_ratings(path: Path) -> tuple[Path, RatingsLayout]:
    """Find the ratings file at or in ``path``, gzipped or not, and its layout.

    Raises DataError where there is none of a known layout.
    """
    for layout in LAYOUTS:
        names = (layout.ratings_file, f"{layout.ratings_file}.gz")
        for file in (path / name for name in names) if path.is_dir() else (path,):
            if file.is_file() and file.name in names:
                return file, layout
    layouts = ", ".join(layout.ratings_file for layout in LAYOUTS)
    raise DataError(
        f"{path}: no ratings file of a known layout ({layouts}, or one of these with .gz); give an"
        " unpacked MovieLens folder or its ratings file"
    )


def read_ratings(
    path: Path, layout: RatingsLayout, highest: float, batch: int, lowest: float = 0.5
) -> Iterator[tuple[list[Row], int]]:
    """Read ratings as ``read_batches`` does. ``lowest`` and ``highest``: the scale.

    Raises DataError naming the first line that is malformed or off the scale.
    """
    return read_batches(path, lambda lines: _rows(lines, path, layout, lowest, highest), batch)


def read_batches(
    path: Path, parse: Callable[[Lines], Iterator[Row]], batch: int
) -> Iterator[tuple[list[Row], int]]:
    """Yield rows in the order of a file, gzipped or not: ``batch`` at a time, each time with the
    number of bytes read since.

    ``parse`` makes rows of the file's lines. Raises DataError where the file cannot be unpacked.
    """
    with path.open("rb") as raw:
        rows: list[Row] = []
        read = 0
        try:
            for row in parse(gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw):
                rows.append(row)
                if len(rows) == batch:
                    yield rows, raw.tell() - read
                    rows, read = [], raw.tell()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: cannot be unpacked ({error}); download it again") from error
        yield rows, raw.tell() - read


def _rows(
    lines: Lines, path: Path, layout: RatingsLayout, lowest: float, highest: float
) -> Iterator[Row]:
    places = list(range(len(COLUMNS)))
    if layout.header:
        places, _ = columns_of(lines.readline().decode("utf-8", "replace"), path, layout)
    user, item, rating, seconds = places
    separator = layout.separator.encode()
    for number, line in enumerate(lines, start=1 + layout.header):
        fields = line.split(separator)
        try:
            row = Row(
                int(fields[user]), int(fields[item]), float(fields[rating]), int(fields[seconds])
            )
        except (ValueError, IndexError):
            if not line.strip():
                continue
            raise _problem(path, number, line, "not a user, a title, a rating and a time") from None
        if not (0 <= row[0] <= LARGEST_ID and 0 <= row[1] <= LARGEST_ID):
            raise _problem(path, number, line, f"an id is not from 0 to {LARGEST_ID}")
        if not lowest <= row[2] <= highest:
            scale = f"{lowest:g} to {highest:g}"
            raise _problem(path, number, line, f"the rating is off the scale of {scale}")
        if not 0 <= row[3] <= LAST_SECOND:
            raise _problem(path, number, line, "the timestamp is not seconds since 1970")
        yield row


def columns_of(header: str, path: Path | str, layout: RatingsLayout) -> tuple[list[int], int]:
    """Find the position of each of ``COLUMNS`` in a line, and the number of its fields.

    Raises DataError where the header lacks one.
    """
    names = [name.strip() for name in header.lstrip("\ufeff").split(layout.separator)]
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(
            f"{path}, line 1: column {missing[0]!r} is missing (found {', '.join(names)[:80]});"
            f" the header must name {', '.join(COLUMNS)}"
        )
    return [names.index(name) for name in COLUMNS], len(names)


def _problem(path: Path, number: int, line: bytes, problem: str) -> DataError:
    shown = line.decode("utf-8", "replace").strip()[:80]
    return DataError(f"{path}, line {number}: {problem} ({shown!r}); {REMEDY}")
