"""Numbers and times as programs write them into tables: 1, 1.0, 1e+05, 3,5; dates of any order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum

# Of empty cells: pandas, R, databases.
MISSING = frozenset(("", "na", "nan", "null", "none", "<na>", r"\n"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[-+]?[0-9]{1,40}(?:[.,][0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?")
# "1.000" may be one or a thousand.
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:[.,][0-9]{3})+")
_DAY = re.compile(r"([0-9]{1,4})([-./])([0-9]{1,2})\2([0-9]{1,4})(?:[T ]+(.*))?")
_TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)? *([AaPp][Mm])?"
    r" *(Z|UTC|[-+][0-9]{2}:?(?:[0-9]{2})?)?"
)
_YES, _NO = ("true", "yes", "y", "t"), ("false", "no", "n", "f")
_FIRST_SHORT_YEAR = 69  # of two digits, as POSIX reads them


class DayOrder(Enum):
    """Which of the first two numbers of a date such as 4/2/2005 is the day."""

    DAY_FIRST = "day/month/year"
    MONTH_FIRST = "month/day/year"


def decimal_number(text: str) -> float | None:
    """Read a number with a decimal point or comma; None if it is none, and for NaN."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def whole_number(text: str) -> int | None:
    """Read a whole number, also written as 1.0, 1,0 or 1e+05; None if it is none.

    A number such as 1.000, which may also mean a thousand, is none.
    """
    number = None if _THOUSANDS.fullmatch(text) else decimal_number(text)
    return int(number) if number is not None and number.is_integer() else None


def yes_or_no(text: str) -> bool | None:
    """Read yes or no, or a number, which is yes above 0; None if it is neither."""
    text = text.strip().lower()
    if text in (*_YES, *_NO):
        return text in _YES
    number = decimal_number(text)
    return None if number is None else number > 0


def is_missing(text: str) -> bool:
    """Whether this is how a program writes that there is no value."""
    return text.strip().lower() in MISSING


def day_orders(text: str) -> frozenset[DayOrder]:
    """Return the orders in which a cell can be a date; both for a cell that does not tell.

    The orders of a column are those that all its cells have in common.
    """
    match = _DAY.fullmatch(text)
    if not match or len(match[1]) > 2:
        return frozenset(DayOrder)
    if match[2] == ".":  # German and its neighbours
        return frozenset((DayOrder.DAY_FIRST,))
    orders = set(DayOrder)
    if int(match[1]) > 12:
        orders.discard(DayOrder.MONTH_FIRST)
    if int(match[3]) > 12:
        orders.discard(DayOrder.DAY_FIRST)
    return frozenset(orders)


def seconds_of(text: str, order: DayOrder = DayOrder.MONTH_FIRST) -> int | None:
    """Read a time as seconds since 1970, UTC where it names no zone; None if it is none.

    It may be a number of seconds, or a date with or without a time of day: 2005-04-02 23:53:47,
    2005-04-02T23:53:47Z, 02.04.2005 23:53, 4/2/2005 11:53 PM. ``order``: of the last kind.
    """
    if (number := whole_number(text)) is not None:
        return number
    if not (match := _DAY.fullmatch(text)):
        return None
    first, separator, second, third, clock = match.groups()
    if len(first) == 4:
        year, month, day = first, second, third
    elif separator == "." or order is DayOrder.DAY_FIRST:
        day, month, year = first, second, third
    else:
        month, day, year = first, second, third
    try:
        date = datetime(whole_year(year), int(month), int(day), tzinfo=UTC)
        moment = date + (_time_of_day(clock) if clock else timedelta())
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // timedelta(seconds=1)


def usual_order(separator: str) -> DayOrder:
    """Return the order of day and month in files with this separator of fields.

    Fields are separated by semicolons where the comma is in use for decimals, and in most of those
    countries days are written first.
    """
    return DayOrder.DAY_FIRST if separator == ";" else DayOrder.MONTH_FIRST


def whole_year(text: str) -> int:
    """Return a year that may be written in two digits. Raises ValueError for others."""
    if len(text) == 2:
        return int(text) + (1900 if int(text) >= _FIRST_SHORT_YEAR else 2000)
    if len(text) != 4:
        raise ValueError(text)
    return int(text)


def _time_of_day(text: str) -> timedelta:
    """Return the time since midnight in UTC. Raises ValueError."""
    if not (match := _TIME.fullmatch(text.strip())):
        raise ValueError(text)
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if match[4].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError(text)
    passed = timedelta(hours=hour, minutes=minute, seconds=second)
    zone = match[5]
    if not zone or zone[0] not in "+-":
        return passed
    digits = zone[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return passed + ahead if zone[0] == "-" else passed - ahead
