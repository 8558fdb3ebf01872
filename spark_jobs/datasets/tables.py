"""Small CSV files of a data set as tables, however a program wrote them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recommender.errors import DataError
from recommender.formats.delimited import (
    SEPARATOR_NAMES,
    Columns,
    MissingColumn,
    decode,
    find_columns,
)
from recommender.formats.other_data_sets import OWN_DATA
from recommender.formats.rating_format import LONGEST_SHOWN, REMEDY

Fields = list[str]


@dataclass(frozen=True)
class Table:
    """A text with a header. ``columns``: those that are wanted."""

    path: str
    text: str
    encoding: str
    columns: Columns

    def rows(self) -> Iterator[tuple[int, Fields]]:
        """Yield (number of its first line, all fields) of each record below the header.

        Raises DataError where quotation marks are not closed.
        """
        # R escapes a quotation mark so; MovieLens has no backslash before one.
        escape = "\\" if '\\"' in self.text else None
        records = csv.reader(
            io.StringIO(self.text, newline=""),
            delimiter=self.columns.separator,
            escapechar=escape,
            strict=True,
        )
        started = 1
        try:
            for fields in records:
                if fields and started > 1:
                    yield started, fields
                started = records.line_num + 1
        except csv.Error as error:
            raise DataError(f"{self.path}, line {started}: {error}; {REMEDY}") from error

    def wanted(self, fields: Fields) -> Fields:
        """Return the wanted fields of a record. Raises ValueError if it has too many, or few."""
        if len(fields) != self.columns.width:
            raise ValueError(f"{len(fields)} fields, not {self.columns.width}")
        return [fields[place].strip() for place in self.columns.places]

    def differences(self) -> list[str]:
        """Describe how the file differs from MovieLens's own."""
        separator = SEPARATOR_NAMES.get(self.columns.separator)
        described = {
            f"{self.encoding} text": self.encoding != "UTF-8",
            f"separated by {separator}": separator,
            "a header in quotation marks": self.text.startswith('"'),
            "a column of line numbers": self.columns.indexed,
        }
        return [sentence for sentence, applies in described.items() if applies]


def decode_file(content: bytes, path: str) -> tuple[str, str]:
    """Decode a file; return its text and encoding. Raises DataError naming the damaged line."""
    try:
        return decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: is damaged UTF-8 text; {REMEDY}") from error


def read_table(content: bytes, path: str, wanted: Sequence[str]) -> Table:
    """Find the ``wanted`` columns of a file. Raises DataError where the header lacks one."""
    text, encoding = decode_file(content, path)
    header, first = [*text[: 1 << 16].splitlines()[:2], "", ""][:2]
    try:
        return Table(path, text, encoding, find_columns(header, wanted, first))
    except MissingColumn as error:
        raise DataError(
            f"{path}, line 1: column {error.name!r} is missing"
            f" (found {', '.join(error.names)[:LONGEST_SHOWN]}); write the file as {OWN_DATA} says:"
            f" the header must be {','.join(wanted)}"
        ) from error
