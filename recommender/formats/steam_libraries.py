"""Reads the libraries of the published Steam files, in plain Python, as rows of hours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recommender.errors import DataError
from recommender.formats.movielens import Lines, read_batches
from recommender.formats.rating_format import REMEDY, Row
from recommender.formats.steam import BadLine, is_steam, library_of


def find_libraries(path: Path) -> Path | None:
    """Find the file of libraries at or in ``path``, gzipped or not."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return next((file for file in files if file.is_file() and is_steam([file.name])), None)


def read_libraries(path: Path, batch: int) -> Iterator[tuple[list[Row], int]]:
    """Read the games of each library as ``read_batches`` does.

    As in training, a person's id is the number of the line that first has them, and the number of
    the line stands for the time. Raises DataError naming the first line that is not a library or
    has an invalid game.
    """
    return read_batches(path, lambda lines: _rows(lines, path), batch)


def _rows(lines: Lines, path: Path) -> Iterator[Row]:
    ids: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        try:
            library = library_of(line)
            if library.bad:
                raise BadLine(library.bad[0])
        except BadLine as error:
            raise DataError(f"{path}, line {number}: {error}; {REMEDY}") from error
        user_id = ids.setdefault(library.user, number)
        for game in library.games:
            yield Row(user_id, game.app_id, game.hours, number)
