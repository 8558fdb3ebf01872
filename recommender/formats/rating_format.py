"""Reads lines of ratings, as MovieLens publishes them or as another program wrote them again:
with other separators, quotation marks, a column of line numbers, 1.0 for 1, decimal commas, dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.formats.cells import (
    DayOrder,
    day_orders,
    decimal_number,
    seconds_of,
    usual_order,
    whole_number,
)
from recommender.formats.delimited import (
    SEPARATOR_NAMES,
    Columns,
    MissingColumn,
    fields_of,
    find_columns,
)
from recommender.formats.other_data_sets import OWN_DATA

COLUMNS = ("userId", "movieId", "rating", "timestamp")
LAST_SECOND = 253_402_300_799  # of the year 9999
REMEDY = "correct or remove the line"
# Lines of a file's beginning that tell its format.
SAMPLE = 20
# If more of the lines are bad, the file has another format.
MOST_BAD = 0.01
LONGEST_SHOWN = 80
BOTH_ORDERS = frozenset(DayOrder)
_UNDERSCORE = ord("_")  # found faster in bytes than b"_"
_DIGITS = re.compile(r"[0-9]+")
_ID = f"the {{}} id is not a whole number from 0 to {LARGEST_ID}"
_TIME = "the timestamp is not whole seconds since 1970 or a date"


class Row(NamedTuple):
    """``seconds`` since 1970."""

    user_id: int
    item_id: int
    rating: float
    seconds: int


class BadLine(Exception):
    """A line that is invalid; the message says why."""


class Problem(NamedTuple):
    """A bad line: its number in the file, its text, and why it is bad."""

    number: int
    text: str
    reason: str


@dataclass(frozen=True)
class Style:
    """What a program changed in the cells of a file, by its first lines. ``time``: an example of a
    date in place of seconds."""

    quoted: bool = False
    whole_as_decimal: bool = False
    decimal_comma: bool = False
    time: str = ""

    @property
    def year_first(self) -> bool:
        """Whether dates are as in 2005-04-02."""
        return bool(re.match(r"[0-9]{4}-", self.time))


PLAIN = Style()


@dataclass(frozen=True)
class RatingsFormat:
    """How to read the lines of one file. ``header``: the first line, where it names the columns.
    ``lowest`` and ``highest``: the scale. ``order``: of dates such as 4/2/2005."""

    columns: Columns
    header: str
    lowest: float
    highest: float
    style: Style = PLAIN
    order: DayOrder = DayOrder.MONTH_FIRST
    ambiguous: bool = False

    def row(self, line: str) -> Row:
        """Read a line as any program may have written it. Raises BadLine."""
        fields = fields_of(line, self.columns.separator)
        if len(fields) != self.columns.width:
            raise BadLine(f"not {self.columns.width} fields")
        user, item, rating, time = (fields[place] for place in self.columns.places)
        user_id, item_id, stars = whole_number(user), whole_number(item), decimal_number(rating)
        if user_id is None or not 0 <= user_id <= LARGEST_ID:
            raise BadLine(_ID.format("user"))
        if item_id is None or not 0 <= item_id <= LARGEST_ID:
            raise BadLine(_ID.format("title"))
        if stars is None:
            raise BadLine("the rating is not a number")
        if not self.lowest <= stars <= self.highest:
            raise BadLine(f"the rating is off the scale of {self.lowest:g} to {self.highest:g}")
        seconds = seconds_of(time, self.order)
        if seconds is None or not 0 <= seconds <= LAST_SECOND:
            raise BadLine(_TIME)
        return Row(user_id, item_id, stars, seconds)

    @property
    def needs_day_order(self) -> bool:
        """Whether only the whole file tells the order of day and month."""
        return bool(self.style.time) and not self.style.year_first

    def day_orders(self, lines: Iterable[bytes]) -> frozenset[DayOrder]:
        """Return the orders of day and month that are possible for the dates of all lines."""
        possible = BOTH_ORDERS
        separator, place = self.columns.separator, self.columns.places[-1]
        for line in lines:
            fields = fields_of(line.decode("utf-8", "replace"), separator)
            if place < len(fields):
                possible &= day_orders(fields[place])
        return possible

    def with_day_orders(self, possible: frozenset[DayOrder]) -> RatingsFormat:
        """Decide the order of day and month; where the file does not tell, that of the countries
        that use its separator."""
        order = next(iter(possible)) if len(possible) == 1 else usual_order(self.columns.separator)
        return replace(self, order=order, ambiguous=possible == BOTH_ORDERS)

    def differences(self) -> list[str]:
        """Describe how the file differs from MovieLens's own."""
        columns, style = self.columns, self.style
        separator = SEPARATOR_NAMES.get(columns.separator) if self.header else None
        unclear = f", which could be either way round: taken as {self.order.value}"
        described = {
            f"separated by {separator}": separator,
            "fields in quotation marks": style.quoted,
            "a column of line numbers": columns.indexed,
            "whole numbers as 1.0": style.whole_as_decimal,
            "decimal commas": style.decimal_comma,
            f"dates such as {style.time}{unclear if self.ambiguous else ''}": style.time,
        }
        return [sentence for sentence, applies in described.items() if applies]


def find_format(
    beginning: Sequence[str], path: object, separator: str, scale: tuple[float, float]
) -> RatingsFormat:
    """Find the columns of a file that names them in its first line, and its style.

    ``beginning``: the first lines. ``separator``: of a file without a header, in which fields are
    in the order of ``COLUMNS``; "" if it has one. Raises DataError where the header lacks a column.
    """
    if separator:
        columns = Columns(separator, tuple(range(len(COLUMNS))), len(COLUMNS))
        return RatingsFormat(columns, "", *scale, style=_style(beginning, columns))
    header, *lines = beginning
    header = header.lstrip("\ufeff").rstrip("\r\n")
    try:
        columns = find_columns(header, COLUMNS, next(iter(lines), ""))
    except MissingColumn as error:
        raise DataError(
            f"{path}, line 1: column {error.name!r} is missing"
            f" (found {', '.join(error.names)[:LONGEST_SHOWN]}); write the file as {OWN_DATA} says:"
            f" the header must name {', '.join(COLUMNS)}"
        ) from error
    return RatingsFormat(columns, header, *scale, style=_style(lines, columns))


def _style(lines: Iterable[str], columns: Columns) -> Style:
    """Tell the style by a file's first lines."""
    quoted, whole, comma, time = False, False, False, ""
    for line in lines:
        fields = fields_of(line, columns.separator)
        if len(fields) != columns.width:
            continue
        user, item, rating, at = (fields[place] for place in columns.places)
        quoted |= '"' in line
        whole |= any(not _DIGITS.fullmatch(x) and whole_number(x) is not None for x in (user, item))
        comma |= "," in rating and decimal_number(rating) is not None
        if not time and whole_number(at) is None and _is_date(at):
            time = at
    return Style(quoted, whole, comma, time)


def _is_date(text: str) -> bool:
    return any(seconds_of(text, order) is not None for order in DayOrder)


def parse_lines(
    lines: Iterable[bytes],
    form: RatingsFormat,
    first: int,
    report: Callable[[Problem], None],
    note_mended: Callable[[int], None] = lambda number: None,
) -> Iterator[Row]:
    """Yield a row for each line but blank ones and repeated headers; ``report`` bad lines, and
    ``note_mended`` the numbers of lines that are not as MovieLens writes them.

    ``first``: the number of the first line.
    """
    separator, width = form.columns.separator.encode(), form.columns.width
    published = form.columns.places == tuple(range(width))
    pick = None if published else itemgetter(*form.columns.places)
    lowest, highest = form.lowest, form.highest
    for number, line in enumerate(lines, first):
        try:
            # As published; the rest is left to `row`, which is slower. Python takes 1_0 for 10.
            cells: Sequence[bytes] = line.split(separator)
            if pick:
                cells = pick(cells) if len(cells) == width else ()
            user, item, rating, time = cells
            user_id, item_id, stars, seconds = int(user), int(item), float(rating), int(time)
            if (
                0 <= user_id <= LARGEST_ID
                and 0 <= item_id <= LARGEST_ID
                and lowest <= stars <= highest
                and 0 <= seconds <= LAST_SECOND
                and _UNDERSCORE not in line
            ):
                yield Row(user_id, item_id, stars, seconds)
                continue
        except ValueError:
            pass
        text = line.decode("utf-8", "replace").lstrip("\ufeff").strip("\r\n")
        if not text.strip() or text == form.header:
            continue
        try:
            row = form.row(text)
        except BadLine as error:
            report(Problem(number, text, str(error)))
        else:
            note_mended(number)
            yield row


def bad_file(path: object, problem: Problem, bad: int, lines: int) -> DataError:
    """Return the error for a file whose first bad line is ``problem``, of ``bad`` among ``lines``.

    To remove a line is no remedy where many are bad.
    """
    text = problem.text
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
    place = f"{path}, line {problem.number}: {problem.reason} ({shown!r})"
    if bad < 2 or bad <= MOST_BAD * lines:
        return DataError(f"{place}; {REMEDY}")
    return DataError(
        f"{place}, and {bad - 1:,} more of {lines:,} lines are as bad: this is not MovieLens's"
        f" format; {OWN_DATA} says how to bring data of your own"
    )
