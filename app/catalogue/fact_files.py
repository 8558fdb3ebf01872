"""Read new facts of items: a table with a header, or one JSON object a line.

Facts of the catalogue's own have columns of their names, and in JSON may also stand together, as
in ``"facts": {"price": 12.5}``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.formats.cells import whole_number, yes_or_no
from recommender.formats.delimited import MissingColumn, find_columns
from recommender.item_facts import NUMBER, Fact, FactValue, fact_name, read_value
from recommender.pictures import picture_host

ITEM, OWN = "item", "facts"
# Between several genres or creators in one cell.
SEPARATOR = "|"
LONGEST_TEXT = 255
# MySQL's TEXT takes 65,535 bytes, and a character up to four.
LONGEST_ADDRESS = LONGEST_DESCRIPTION = 16_000
_ADDRESS = re.compile(r"https?://[^\s]+")
_LONGEST_SHOWN = 60
# Functions that read a cell; they raise BadValue.
Readers = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Facts:
    """What one line says of an item, by columns of ``Item``. ``item``: its key or id. ``own``:
    facts of the catalogue's own by name, None where there is none any more."""

    item: str
    values: Mapping[str, Any]
    own: Mapping[str, FactValue | None]


class BadValue(Exception):
    """A value that cannot be used; the message says what it should be."""


def read_facts(path: Path, own: Sequence[Fact]) -> Iterator[Facts]:
    """Yield the facts of a file. ``own``: those of the catalogue's own. Raises DataError naming the
    first line that is of no use."""
    for place, row in read_rows(path, ITEM, READERS):
        item = row.get(ITEM)
        if isinstance(item, bool) or not isinstance(item, str | int) or str(item).strip() == "":
            raise DataError(f"{place}: no {ITEM}; each line names one by its key or id")
        yield Facts(str(item).strip(), values_of(row, READERS, place), _own_values(row, own, place))


def read_rows(
    path: Path, required: str, others: Collection[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each row of a table or of JSON lines is, and its cells by their columns.

    ``required``: the column that a table must have; ``others``: those that it may have. Raises
    DataError.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            is_json = text.read(1) == "{"
            text.seek(0)
            rows = _json_lines(text, path) if is_json else _table(text, path, required, others)
            for number, row in rows:
                yield f"{path}, line {number}", row
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); give a CSV file with a header, or JSON lines, in"
            " UTF-8"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error}); write it as CSV with a header") from error


def _json_lines(text: Iterator[str], path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: not a JSON object; correct the line")
            yield number, row


def _table(
    text: Any, path: Path, required: str, others: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.readline()
    try:
        separator = find_columns(header, [required]).separator
    except MissingColumn as error:
        raise DataError(
            f"{path}, line 1: column {required!r} is missing (found"
            f" {', '.join(error.names)[:_LONGEST_SHOWN]}); name it, and of {', '.join(others)}"
            " those that the file has"
        ) from error
    text.seek(0)
    reader = csv.DictReader(text, delimiter=separator, skipinitialspace=True)
    for row in reader:
        known = {name.strip().lower(): cell for name, cell in row.items() if name}
        yield reader.line_num, {name: cell for name, cell in known.items() if cell is not None}


def values_of(row: Mapping[str, Any], readers: Readers, place: str) -> dict[str, Any]:
    """Read the cells of a row by their columns. Raises DataError."""
    return {
        column: _read(readers[column], row[column], column, place)
        for column in readers
        if column in row
    }


def _own_values(
    row: Mapping[str, Any], own: Sequence[Fact], place: str
) -> dict[str, FactValue | None]:
    together = row.get(OWN)
    given = {fact_name(name): value for name, value in row.items() if name not in READERS}
    given |= together if isinstance(together, dict) else {}
    return {
        fact.name: _read(partial(_fact, kind=fact.kind), given[fact.name], fact.name, place)
        for fact in own
        if fact.name in given
    }


def _read(read: Callable[[Any], Any], value: Any, column: str, place: str) -> Any:
    try:
        return read(value)
    except BadValue as error:
        raise DataError(
            f"{place}: {column} is {str(value)[:_LONGEST_SHOWN]!r}, which is not {error}; correct"
            " the line: nothing of the file was stored"
        ) from None


def _fact(value: Any, kind: str) -> FactValue | None:
    if kind == NUMBER and isinstance(value, bool):
        raise BadValue("a number")
    try:
        return read_value(text_of(value), kind)
    except ValueError as error:
        raise BadValue(str(error)) from None


def _title(value: Any) -> str:
    if not (text := text_of(value)):
        raise BadValue("a title")
    return text[:LONGEST_TEXT]


def _year(value: Any) -> int | None:
    if not (text := text_of(value)):
        return None
    year = whole_number(text)
    if year is None or abs(year) > LARGEST_ID:
        raise BadValue("a year")
    return year


def _several(value: Any) -> str:
    parts: Sequence[Any] = value if isinstance(value, list) else text_of(value).split(SEPARATOR)
    return SEPARATOR.join(filter(None, map(text_of, parts)))[:LONGEST_TEXT]


def _image(value: Any) -> str | None:
    address = _address(value)
    if address and picture_host(address) is None:
        raise BadValue("an https address")
    return address


def _address(value: Any) -> str | None:
    text = text_of(value)
    if text and (not _ADDRESS.fullmatch(text) or len(text) > LONGEST_ADDRESS):
        raise BadValue("a web address")
    return text or None


def _available(value: Any) -> bool:
    available = yes_or_no(text_of(value))
    if available is None:
        raise BadValue("true or false")
    return available


def _description(value: Any) -> str | None:
    return text_of(value)[:LONGEST_DESCRIPTION] or None


def text_of(value: Any) -> str:
    """Return a value as text; none is "". What a database does not store is left out: NUL, and
    halves of letters beyond the first 65,536."""
    if isinstance(value, dict | list):
        raise BadValue("a single value")
    text = "" if value is None else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


READERS: Readers = {
    "title": _title,
    "year": _year,
    "genres": _several,
    "creators": _several,
    "image": _image,
    "link": _address,
    "available": _available,
    "description": _description,
}
