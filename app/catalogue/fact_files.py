"""Read new facts of items: a table with a header, or one JSON object a line.

Facts of the catalogue's own have columns of their names, and in JSON may also stand together, as
in ``"facts": {"price": 12.5}``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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


@dataclass(frozen=True)
class Facts:
    """What one line says of an item, by columns of ``Item``. ``item``: its key or id. ``own``:
    facts of the catalogue's own by name, None where there is none any more."""

    item: str
    values: Mapping[str, Any]
    own: Mapping[str, FactValue | None]


class _BadValue(Exception):
    """A value that cannot be used; the message says what it should be."""


def read_facts(path: Path, own: Sequence[Fact]) -> Iterator[Facts]:
    """Yield the facts of a file. ``own``: those of the catalogue's own. Raises DataError naming the
    first line that is of no use."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            is_json = text.read(1) == "{"
            text.seek(0)
            for number, row in _json_lines(text, path) if is_json else _table(text, path):
                yield _facts(row, own, f"{path}, line {number}")
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


def _table(text: Any, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.readline()
    try:
        separator = find_columns(header, [ITEM]).separator
    except MissingColumn as error:
        raise DataError(
            f"{path}, line 1: column {ITEM!r} is missing (found"
            f" {', '.join(error.names)[:_LONGEST_SHOWN]}); name it, and of {', '.join(READERS)}"
            " those that the file has"
        ) from error
    text.seek(0)
    reader = csv.DictReader(text, delimiter=separator, skipinitialspace=True)
    for row in reader:
        known = {name.strip().lower(): cell for name, cell in row.items() if name}
        yield reader.line_num, {name: cell for name, cell in known.items() if cell is not None}


def _facts(row: Mapping[str, Any], own: Sequence[Fact], place: str) -> Facts:
    item = row.get(ITEM)
    if isinstance(item, bool) or not isinstance(item, str | int) or str(item).strip() == "":
        raise DataError(f"{place}: no {ITEM}; each line names one by its key or id")
    together = row.get(OWN)
    values = {
        column: _read(READERS[column], row[column], column, place)
        for column in READERS
        if column in row
    }
    given = {fact_name(name): value for name, value in row.items() if name not in READERS}
    given |= together if isinstance(together, dict) else {}
    facts = {
        fact.name: _read(partial(_fact, kind=fact.kind), given[fact.name], fact.name, place)
        for fact in own
        if fact.name in given
    }
    return Facts(str(item).strip(), values, facts)


def _read(read: Callable[[Any], Any], value: Any, column: str, place: str) -> Any:
    try:
        return read(value)
    except _BadValue as error:
        raise DataError(
            f"{place}: {column} is {str(value)[:_LONGEST_SHOWN]!r}, which is not {error}; correct"
            " the line: nothing of the file was stored"
        ) from None


def _fact(value: Any, kind: str) -> FactValue | None:
    if kind == NUMBER and isinstance(value, bool):
        raise _BadValue("a number")
    try:
        return read_value(_text(value), kind)
    except ValueError as error:
        raise _BadValue(str(error)) from None


def _title(value: Any) -> str:
    if not (text := _text(value)):
        raise _BadValue("a title")
    return text[:LONGEST_TEXT]


def _year(value: Any) -> int | None:
    if not (text := _text(value)):
        return None
    year = whole_number(text)
    if year is None or abs(year) > LARGEST_ID:
        raise _BadValue("a year")
    return year


def _several(value: Any) -> str:
    parts: Sequence[Any] = value if isinstance(value, list) else _text(value).split(SEPARATOR)
    return SEPARATOR.join(filter(None, map(_text, parts)))[:LONGEST_TEXT]


def _image(value: Any) -> str | None:
    address = _address(value)
    if address and picture_host(address) is None:
        raise _BadValue("an https address")
    return address


def _address(value: Any) -> str | None:
    text = _text(value)
    if text and (not _ADDRESS.fullmatch(text) or len(text) > LONGEST_ADDRESS):
        raise _BadValue("a web address")
    return text or None


def _available(value: Any) -> bool:
    available = yes_or_no(_text(value))
    if available is None:
        raise _BadValue("true or false")
    return available


def _description(value: Any) -> str | None:
    return _text(value)[:LONGEST_DESCRIPTION] or None


def _text(value: Any) -> str:
    """Return a value as text; none is "", and NUL, which PostgreSQL does not store, is left out."""
    if isinstance(value, dict | list):
        raise _BadValue("a single value")
    return "" if value is None else str(value).replace("\0", "").strip()


READERS: Mapping[str, Callable[[Any], Any]] = {
    "title": _title,
    "year": _year,
    "genres": _several,
    "creators": _several,
    "image": _image,
    "link": _address,
    "available": _available,
    "description": _description,
}
