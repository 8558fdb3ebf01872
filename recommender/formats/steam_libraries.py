"""The libraries of the published Steam files, in plain Python, as rows of hours."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from recommender.errors import DataError
from recommender.formats.movielens import REMEDY, Row
from recommender.formats.steam import BadLine, is_steam, library_of


def find_libraries(path: Path) -> Path | None:
    """The file of libraries that ``path`` is or holds, gzipped or not."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return next((file for file in files if file.is_file() and is_steam([file.name])), None)


def read_libraries(path: Path, batch: int) -> Iterator[tuple[list[Row], int]]:
    """Games in the order of the file, about ``batch`` at a time, each time with how many bytes of
    the file have been read.

    As in training, a person's id is the number of the line that first has them, and the number of
    the line stands for the time. Raises DataError naming the first line that is no library or has a
    game that is none.
    """
    with path.open("rb") as raw:
        lines: Iterable[bytes] = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        try:
            yield from _batches(lines, raw, path, batch)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: cannot be unpacked ({error}); fetch it again") from error


def _batches(
    lines: Iterable[bytes], raw: IO[bytes], path: Path, batch: int
) -> Iterator[tuple[list[Row], int]]:
    ids: dict[str, int] = {}
    rows: list[Row] = []
    read = 0
    for number, line in enumerate(lines, start=1):
        try:
            library = library_of(line)
            if library.bad:
                raise BadLine(library.bad[0])
        except BadLine as error:
            raise DataError(f"{path}, line {number}: {error}; {REMEDY}") from error
        user_id = ids.setdefault(library.user, number)
        rows += (Row(user_id, game.app_id, game.hours, number) for game in library.games)
        if len(rows) >= batch:
            yield rows, raw.tell() - read
            rows, read = [], raw.tell()
    yield rows, raw.tell() - read
