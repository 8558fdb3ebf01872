"""Tables as CSV: whatever the delimiter, the order of columns and what stands beside them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from app.portability.entries import LONGEST_FIELD, Entry, FileRow, LeftOut, Note, RejectedLine
from app.portability.readers.dates import DateColumn
from app.portability.readers.file_names import mark_of_name
from app.portability.readers.values import imdb_id, stars_of
from app.portability.text import Lines, TextFile
from app.portability.uploads import ImportProblem
from recommender.catalogue import LARGEST_ID
from recommender.feedback import EXPLICIT
from recommender.formats.cells import DayOrder, usual_order, whole_number
from recommender.formats.steam import BadLine

DELIMITERS = (",", ";", "\t", "|")
# Records in which the header is looked for: lists of Letterboxd begin with a table of their own.
HEADER_WITHIN = 10
MOST_COLUMNS = 500
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
Parsed = Entry | LeftOut | RejectedLine | None


@dataclass(frozen=True)
class Kind:
    """Tables of a service that have the ``required`` columns, one of ``any_of`` if there are such,
    and none of ``without``. Names of columns are in small letters, without blanks and marks.

    ``dates``: columns of dates, the first that is there is read. ``person``: a column that must
    be the same in all lines. ``parse`` returns None for a line that says nothing of use.
    """

    source: str
    name: str
    required: tuple[str, ...]
    parse: Callable[[Row], Parsed]
    any_of: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    person: str = ""
    feedback: str = EXPLICIT
    noun: str = ""

    def fits(self, columns: Sequence[str]) -> bool:
        names = set(columns)
        has_any = not self.any_of or bool(names & set(self.any_of))
        return has_any and names >= set(self.required) and not names & set(self.without)


@dataclass
class Row:
    """A line of a table. ``mark``: what the name of the file says."""

    line: int
    cells: dict[str, str]
    table: Table

    @property
    def mark(self) -> str | None:
        return self.table.mark

    def has(self, name: str) -> bool:
        return name in self.table.places

    def text(self, *names: str) -> str:
        """Return the first of these cells that is not empty. Raises BadLine if it is far too
        long."""
        text = next((cell for name in names if (cell := self.cells.get(name))), "")
        if len(text) > LONGEST_FIELD:
            raise BadLine("a field is far too long")
        return text

    def whole(self, name: str) -> int | None:
        """Read a number such as an id, also written as 1.0. Raises BadLine."""
        if not (text := self.text(name)):
            return None
        if (number := whole_number(text)) is None:
            raise BadLine(f"{name} is “{text[:30]}”, not a whole number")
        if not 0 <= number <= LARGEST_ID:
            raise BadLine(f"{name} is out of range")
        return number

    def known_id(self, name: str) -> int | None:
        """Read an id that is not needed: None where it is not one."""
        try:
            return self.whole(name) or None
        except BadLine:
            return None

    def year(self, *names: str) -> int | None:
        """Return the first year in these cells, such as 2013 of "2013–2023"."""
        for name in names:
            if match := _YEAR.search(self.cells.get(name, "")[:LONGEST_FIELD]):
                return int(match[0])
        return None

    def imdb_id(self, *names: str) -> str | None:
        return imdb_id(self.text(*names))

    def several(self, *names: str) -> str:
        """Return the parts of "Comedy, Drama" as in "Comedy|Drama"."""
        return "|".join(filter(None, map(str.strip, re.split(r"[,|]", self.text(*names)))))

    def stars(self, *names: str, of: float = 5) -> float | None:
        """Convert a rating to stars out of five from a scale that ends at ``of``; None without
        one. Raises BadLine."""
        text = self.text(*names)
        return stars_of(text, of) if text else None

    def at(self) -> datetime | None:
        """Return the time of the line, or None."""
        return self.table.date_of(self)


def column_name(title: str) -> str:
    """Return the name of a column in small letters, without blanks and marks."""
    return "".join(letter for letter in title[:100].casefold() if letter.isalnum())


@dataclass
class Table:
    """A table of a known kind. ``header``: as in the file. ``prefix`` begins each complaint."""

    text: TextFile
    kind: Kind
    delimiter: str
    header: list[str]
    prefix: str = ""
    _dates: DateColumn = field(init=False)

    @property
    def name(self) -> str:
        return self.text.file.name

    @property
    def source(self) -> str:
        return self.kind.source

    @property
    def kind_name(self) -> str:
        return self.kind.name

    @cached_property
    def mark(self) -> str | None:
        return mark_of_name(self.name)

    @cached_property
    def places(self) -> dict[str, int]:
        """The first place of each column, by name."""
        places: dict[str, int] = {}
        for place, title in enumerate(self.header):
            places.setdefault(column_name(title), place)
        return places

    @cached_property
    def _date(self) -> str | None:
        return next((name for name in self.kind.dates if name in self.places), None)

    def date_of(self, row: Row) -> datetime | None:
        return self._dates.read(row.cells[self._date]) if self._date else None

    def rows(self) -> Iterator[FileRow]:
        """Read the table twice: first to see how it is written, then what it says."""
        self._dates = DateColumn(day_first=usual_order(self.delimiter) is DayOrder.DAY_FIRST)
        shift = self._survey()
        people = set()
        for line, cells in self._records():
            if isinstance(cells, str):
                yield self._rejected(line, cells)
                continue
            cells = cells[shift:]
            if (problem := self._problem(cells)) is not None:
                yield self._rejected(line, problem)
                continue
            row = self._row(line, cells)
            people.add(row.cells.get(self.kind.person, "")[:LONGEST_FIELD])
            if len(people) > 1:
                raise ImportProblem(
                    "This file holds the ratings of several people. Send one with yours alone."
                )
            try:
                parsed = self.kind.parse(row)
            except BadLine as error:
                parsed = self._rejected(line, str(error))
            if parsed is not None:
                yield parsed
        yield from map(Note, self._dates.notes())

    def _rejected(self, line: int, why: str) -> RejectedLine:
        return RejectedLine(line, self.prefix + why)

    def _row(self, line: int, cells: list[str]) -> Row:
        at = {name: place for name, place in self.places.items() if place < len(cells)}
        return Row(line, {name: cells[place].strip() for name, place in at.items()}, self)

    def _survey(self) -> int:
        """See all dates; return 1 if each line begins with a name that the header lacks, as R
        writes them, or else 0."""
        is_longer = None
        place = self.places[self._date] if self._date else None
        for _, cells in self._records():
            if isinstance(cells, str):
                continue
            longer = len(cells) == len(self.header) + 1 and bool(cells[-1].strip())
            is_longer = longer if is_longer is None else is_longer and longer
            if place is not None:
                for shifted in (place, place + 1) if longer else (place,):
                    if shifted < len(cells):
                        self._dates.see(cells[shifted].strip())
        return int(bool(is_longer))

    def _problem(self, cells: list[str]) -> str | None:
        """Return what is wrong with the number of cells; empty ones at the end do not count."""
        missing = len(cells) < len(self.header) and len(cells) <= self._last_used
        if missing or any(cell.strip() for cell in cells[len(self.header) :]):
            return f"{len(cells)} fields, not {len(self.header)}"
        return None

    @cached_property
    def _last_used(self) -> int:
        kind = self.kind
        used = {*kind.required, *kind.any_of, *kind.dates}
        return max(place for name, place in self.places.items() if name in used)

    def _records(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yield the line where each record below the header begins, and its cells or why there
        are none."""
        lines = self.text.lines()
        is_below = False
        for line, cells in _records_of(lines, csv.reader(lines, delimiter=self.delimiter)):
            if is_below:
                yield line, cells
            elif not isinstance(cells, str):
                is_below = [cell.strip() for cell in cells] == self.header


def _records_of(
    lines: Lines, records: Iterator[list[str]]
) -> Iterator[tuple[int, list[str] | str]]:
    while True:
        lines.begin_record()
        line = lines.number + 1
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not CSV ({error})"
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield line, cells


def find_table(text: TextFile, kinds: Sequence[Kind]) -> Table | None:
    """Find a header of one of the kinds at the beginning of a file, whatever its delimiter."""
    for delimiter in DELIMITERS:
        for header in first_records(text, delimiter):
            columns = [column_name(title) for title in header]
            for kind in kinds:
                if kind.fits(columns):
                    return Table(text, kind, delimiter, header)
    return None


def first_records(text: TextFile, delimiter: str = ",") -> list[list[str]]:
    """Return the first records of a file that are not empty, cut to a sane size."""
    records: list[list[str]] = []
    reader = csv.reader(io.StringIO(text.beginning, newline=""), delimiter=delimiter)
    try:
        for record in reader:
            if len(records) == HEADER_WITHIN:
                break
            if len(record) <= MOST_COLUMNS and any(cell.strip() for cell in record):
                records.append([cell.strip() for cell in record])
    except csv.Error:
        pass  # what follows is no header
    return records
