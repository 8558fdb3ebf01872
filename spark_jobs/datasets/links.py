"""Reads ``links.csv``: the ids that titles have at IMDb and TMDB.

The file is optional, and so is each of its lines: what cannot be read is left out and counted.
"""

from __future__ import annotations

from typing import NamedTuple

from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.formats.cells import is_missing, whole_number
from spark_jobs.datasets.findings import Findings
from spark_jobs.datasets.tables import Fields, read_table

COLUMNS = ("movieId", "imdbId", "tmdbId")
LEFT_OUT = "links left out"
MENDED = "links as another program wrote them"


class Link(NamedTuple):
    """``imdb_id``: such as tt0114709."""

    imdb_id: str | None = None
    tmdb_id: int | None = None


def read_links(content: bytes, path: str) -> tuple[dict[int, Link], Findings]:
    """Read the links by item id, and count what was mended or left out."""
    links: dict[int, Link] = {}
    findings = Findings()
    try:
        table = read_table(content, path, COLUMNS)
        for number, fields in table.rows():
            # A program may leave out the last cells of a line if they are empty.
            missing = table.columns.width - len(fields)
            try:
                cells = table.wanted(fields + missing * [""])
                item_id = _id(cells[0])
                if item_id is None:
                    raise ValueError("no movieId")
            except ValueError as error:
                findings.add(LEFT_OUT, f"line {number} ({error})")
                continue
            links[item_id] = _link(cells, number, findings)
            if missing or any(map(_is_mended, cells)):
                findings.add(MENDED, f"line {number}")
    except DataError as error:
        findings.add(LEFT_OUT, str(error))
    return links, findings


def _link(cells: Fields, number: int, findings: Findings) -> Link:
    """Return the ids of a line that can be read."""
    ids: list[int | None] = []
    for name, cell in zip(COLUMNS[1:], cells[1:], strict=True):
        try:
            ids.append(_id(cell))
        except ValueError as error:
            findings.add(LEFT_OUT, f"{name} in line {number} ({error})")
            ids.append(None)
    imdb, tmdb = ids
    return Link(f"tt{imdb:07d}" if imdb is not None else None, tmdb)


def _id(cell: str) -> int | None:
    """Read an id; None for an empty cell. Raises ValueError."""
    if is_missing(cell):
        return None
    number = whole_number(cell.removeprefix("tt"))
    if number is None or not 0 <= number <= LARGEST_ID:
        raise ValueError(f"{cell[:20]!r} is no id")
    return number


def _is_mended(cell: str) -> bool:
    """Whether MovieLens would have written this cell in another way."""
    return bool(cell) and not cell.isdecimal()
