"""Reads ratings files in the layouts of MovieLens, in plain Python; ours are written alike."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NoReturn

from recommender.errors import DataError
from recommender.formats.other_data_sets import find_other_data_set, remedy
from recommender.formats.rating_format import (
    SAMPLE,
    Problem,
    RatingsFormat,
    Row,
    bad_file,
    find_format,
    parse_lines,
)

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Lines after a bad one that are read, to tell whether it is alone.
LOOK_AHEAD = 10_000
Lines = IO[bytes] | gzip.GzipFile


@dataclass(frozen=True)
class RatingsLayout:
    """How one generation of MovieLens lays out its ratings. Without a header, fields are in the
    order of ``COLUMNS``. ``names``: of the ratings file, the published one first."""

    name: str
    names: tuple[str, ...]
    separator: str
    header: bool

    @property
    def ratings_file(self) -> str:
        return self.names[0]

    def find_format(
        self, beginning: list[str], path: object, lowest: float, highest: float
    ) -> RatingsFormat:
        """Find the format of a file of this layout by its first lines. Raises DataError."""
        separator = "" if self.header else self.separator
        return find_format(beginning, path, separator, (lowest, highest))


ML_100K = RatingsLayout("100k", ("u.data",), "\t", False)
ML_1M = RatingsLayout("1M/10M", ("ratings.dat",), "::", False)
# A copy at Kaggle has rating.csv.
ML_CSV = RatingsLayout("CSV", ("ratings.csv", "rating.csv"), ",", True)
LAYOUTS = (ML_100K, ML_1M, ML_CSV)


def layout_among(names: Iterable[str]) -> tuple[str, RatingsLayout] | None:
    """Find the ratings file among the names in a folder, and its layout."""
    there = set(names)
    known = ((name, layout) for layout in LAYOUTS for name in layout.names)
    return next((found for found in known if found[0] in there), None)


def without_layout(names: Iterable[str]) -> str:
    """Say that a folder of files with these names has no ratings of a known layout, and what to do
    about it."""
    known = ", ".join(layout.ratings_file for layout in LAYOUTS)
    return (
        f"no ratings file of a known layout ({known}); give a MovieLens folder, or its ratings"
        f" file; {remedy(find_other_data_set(names))}"
    )


def find_ratings(path: Path) -> tuple[Path, RatingsLayout]:
    """Find the ratings file at or in ``path``, gzipped or not, and its layout.

    Raises DataError where there is none of a known layout.
    """
    # A file that is not packed comes before one that is.
    files = sorted(path.iterdir(), reverse=True) if path.is_dir() else [path]
    there = {file.name.removesuffix(".gz"): file for file in files}
    if found := layout_among(name for name, file in there.items() if file.is_file()):
        name, layout = found
        return there[name], layout
    raise DataError(f"{path}: {without_layout(there)}")


def read_ratings(path: Path, form: RatingsFormat, batch: int) -> Iterator[tuple[list[Row], int]]:
    """Read ratings as ``read_batches`` does.

    Raises DataError naming the first line that is malformed or off the scale.
    """

    def rows(raw: Lines) -> Iterator[Row]:
        lines = _decoded(raw)
        if form.header:
            next(lines, None)
        first = 1 + bool(form.header)
        return parse_lines(lines, form, first, lambda bad: _fail(path, form, bad, lines))

    return read_batches(path, rows, batch)


def format_of(path: Path, layout: RatingsLayout, lowest: float, highest: float) -> RatingsFormat:
    """Find how the lines of a ratings file are written. ``lowest`` and ``highest``: the scale.

    Raises DataError.
    """
    with _opened(path) as (_, lines):
        texts = [line.decode("utf-8", "replace") for line in islice(_decoded(lines), 1 + SAMPLE)]
        form = layout.find_format(texts or [""], path, lowest, highest)
    if not form.needs_day_order:
        return form
    with _opened(path) as (_, lines):
        return form.with_day_orders(form.day_orders(_decoded(lines)))


def read_batches(
    path: Path, parse: Callable[[Lines], Iterator[Row]], batch: int
) -> Iterator[tuple[list[Row], int]]:
    """Yield rows in the order of a file, gzipped or not: ``batch`` at a time, each time with the
    number of bytes read since.

    ``parse`` makes rows of the file's lines. Raises DataError where the file cannot be unpacked.
    """
    with _opened(path) as (raw, lines):
        rows: list[Row] = []
        read = 0
        for row in parse(lines):
            rows.append(row)
            if len(rows) == batch:
                yield rows, raw.tell() - read
                rows, read = [], raw.tell()
        yield rows, raw.tell() - read


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Lines]]:
    """Open a file, gzipped or not: its bytes on disk, and its lines. Raises DataError."""
    with path.open("rb") as raw:
        try:
            yield raw, gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: cannot be unpacked ({error}); download it again") from error


def _decoded(lines: Lines) -> Iterator[bytes]:
    """Return the lines as they are, or recoded from UTF-16 or with the line ends of old Macs."""
    beginning = lines.peek(1)  # type: ignore[union-attr]
    if beginning.startswith(UTF_16):
        return (line.encode() for line in codecs.getreader("utf-16")(lines, "replace"))
    if b"\r" in beginning and b"\n" not in beginning:
        return (line.encode() for line in codecs.getreader("utf-8")(lines, "replace"))
    return iter(lines)


def _fail(path: Path, form: RatingsFormat, first: Problem, lines: Iterator[bytes]) -> NoReturn:
    """Raise the error for the first bad line, and look at the lines after it.

    Without the look ahead, the remedy for a file in another format would be to remove a line.
    """
    bad = [first]
    read = list(islice(lines, LOOK_AHEAD))
    for _ in parse_lines(read, form, first.number + 1, bad.append):
        pass
    raise bad_file(path, first, len(bad), first.number + len(read))
