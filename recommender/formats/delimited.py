"""Tables as programs write them: which separator, which column is where, which encoding."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

SEPARATORS = (",", ";", "\t", "|", " ")
SEPARATOR_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_NO_LETTER = re.compile(r"[^a-z0-9]+")


class Columns(NamedTuple):
    """``places`` of the wanted columns among the ``width`` fields of a line.

    ``indexed``: the first column numbers the lines, and the header may lack it.
    """

    separator: str
    places: tuple[int, ...]
    width: int
    indexed: bool = False


class MissingColumn(Exception):
    """``name``: the first wanted column that a header lacks; ``names``: those it has."""

    def __init__(self, name: str, names: Sequence[str]):
        super().__init__(name)
        self.name = name
        self.names = names


def find_columns(header: str, wanted: Sequence[str], first: str = "") -> Columns:
    """Find the separator of a table and its ``wanted`` columns, by their names.

    Case and punctuation do not matter: user_id is userId. ``first``: the line below the header. R's
    ``write.table`` numbers the lines in a column that its header lacks. Raises MissingColumn.
    """
    header = header.lstrip("\ufeff")
    best: list[str] = []
    for separator in SEPARATORS:
        names = fields_of(header, separator)
        keys = [_key(name) for name in names]
        if all(_key(name) in keys for name in wanted):
            places = [keys.index(_key(name)) for name in wanted]
            width = len(names)
            more = _numbered_by_r(header, first, separator, width)
            indexed = more or not keys[0]
            return Columns(
                separator, tuple(place + more for place in places), width + more, indexed
            )
        best = max(best, names, key=len)
    keys = [_key(name) for name in best]
    raise MissingColumn(next((n for n in wanted if _key(n) not in keys), wanted[0]), best)


def _numbered_by_r(header: str, first: str, separator: str, width: int) -> bool:
    """Whether the lines begin with a quoted name that the header lacks, as R writes them."""
    if not (header.startswith('"') and first.startswith('"')):
        return False
    fields = fields_of(first, separator)
    return len(fields) == width + 1 and bool(fields[-1])


def fields_of(line: str, separator: str) -> list[str]:
    """Split a line at a separator outside quotation marks; fields without blanks around them."""
    if len(separator) == 1 and '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            fields = line.split(separator)
    else:
        fields = line.split(separator)
    return [field.strip() for field in fields]


def decode(content: bytes) -> tuple[str, str]:
    """Decode a text; return it with the name of its encoding: UTF-8, UTF-16 or Windows-1252.

    Raises UnicodeDecodeError for UTF-8 in which single characters are damaged: read as Windows-1252
    every accented letter of it would be wrong.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
        damaged = text.count("\ufffd")
        if sum(not character.isascii() for character in text) - damaged > damaged:
            raise
    # Windows leaves five bytes undefined, which latin-1 has as control characters.
    return "".join(_WINDOWS.get(byte, chr(byte)) for byte in content), "Windows-1252"


_WINDOWS = {
    byte: text for byte in range(0x80, 0xA0) if (text := bytes([byte]).decode("cp1252", "ignore"))
}


def _key(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())
