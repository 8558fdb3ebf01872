"""The dates of one column, read in the style that the whole column has."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from dateutil.parser import ParserError, parser, parserinfo

from app.db.clock import utcnow
from recommender.formats.cells import whole_year

LONGEST_DATE = 40
# Different dates of a column that are read word by word, which takes a fifth of a millisecond each.
MOST_IN_WORDS = 3_000
_FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p"),
    *("%a %b %d %H:%M:%S %Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%Y/%m/%d"),
)
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,? +(\S.*))?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?(?:[eE]\+?\d{1,2})?")
_LETTER = re.compile(r"[^\W\d_]")
# Spreadsheets count days from here.
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_SERIAL_DAYS = range(20_000, 80_000)
_LEAST_SECONDS = 100_000
_WRITTEN_DAYS = range(1900_01_01, 2100_01_01)
_MILLISECONDS = 10**11


class DateColumn:
    """First ``see`` every cell, then ``read`` them."""

    def __init__(self, day_first: bool) -> None:
        """``day_first``: how to read dates that can be read two ways."""
        self._default = day_first
        self._orders: Counter[bool] = Counter()
        self._futures: Counter[bool] = Counter()
        self._example = ""
        self._in_words: dict[str, datetime | None] = {}
        self._formats = list(_FORMATS)
        self.unreadable = 0

    def see(self, text: str) -> None:
        match = _NUMERIC.fullmatch(text[:LONGEST_DATE])
        if not match or match[2] == "." or match[1] == match[3]:
            return
        first, second = int(match[1]), int(match[3])
        if first > 12 or second > 12:
            self._orders[first > 12] += 1
            return
        self._example = self._example or text
        tomorrow = utcnow() + timedelta(days=1)
        for day_first in (True, False):
            at = _day_of(match, day_first)
            self._futures[day_first] += at is not None and at > tomorrow

    @property
    def _is_mixed(self) -> bool:
        return self._orders[True] > 0 and self._orders[False] > 0

    @property
    def _day_first(self) -> bool:
        if self._orders:
            return self._orders[True] > 0
        if bool(self._futures[True]) != bool(self._futures[False]):
            return not self._futures[True]
        return self._default

    @property
    def _is_ambiguous(self) -> bool:
        futures = bool(self._futures[True]), bool(self._futures[False])
        return bool(self._example) and not self._orders and futures[0] == futures[1]

    def read(self, text: str) -> datetime | None:
        """Return the time, UTC; None if there is none, or none that can be read, which counts."""
        if not text or text in ("0", "0.0"):
            return None
        at = self._read(text) if len(text) <= LONGEST_DATE else None
        self.unreadable += at is None
        return at

    def _read(self, text: str) -> datetime | None:
        if _NUMBER.fullmatch(text):
            return _counted(float(text.replace(",", ".")))
        if (match := _NUMERIC.fullmatch(text)) is None:
            return self._written(text)
        first, second = int(match[1]), int(match[3])
        if match[2] == "." or first > 12:
            return self._numeric(match, day_first=True)
        if second > 12 or first == second:
            return self._numeric(match, day_first=False)
        # One program wrote days first and another months: which, nothing tells.
        return None if self._is_mixed else self._numeric(match, self._day_first)

    def _numeric(self, match: re.Match[str], day_first: bool) -> datetime | None:
        at = _day_of(match, day_first)
        return self._written(f"{at:%Y-%m-%d} {match[5]}") if at and match[5] else at

    def _written(self, text: str) -> datetime | None:
        if (at := self._in_known_format(text)) is not None:
            return at
        if text not in self._in_words and len(self._in_words) < MOST_IN_WORDS:
            self._in_words[text] = _in_words(text)
        return self._in_words.get(text)

    def _in_known_format(self, text: str) -> datetime | None:
        """Read ISO 8601, or what the services and spreadsheets write most."""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is not None:
            return at.replace(tzinfo=UTC) if at.tzinfo is None else _in_utc(at)
        # A column that is written in none of them is not tried with all of them forever.
        is_odd = len(self._in_words) == MOST_IN_WORDS
        for place, form in enumerate(self._formats[:1] if is_odd else self._formats):
            try:
                at = datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                continue
            # The rest of the column is likely to be written alike.
            self._formats.insert(0, self._formats.pop(place))
            return at
        return None

    def notes(self) -> list[str]:
        """Return sentences for the person, after all cells were read."""
        notes = []
        if self._is_ambiguous:
            order = "day/month" if self._day_first else "month/day"
            notes.append(
                f"The dates in this file can be read two ways, such as {self._example[:20]}:"
                f" we read them as {order}."
            )
        if self.unreadable:
            what = "date" if self.unreadable == 1 else "dates"
            those = "that line is" if self.unreadable == 1 else "those lines are"
            notes.append(f"{self.unreadable:,} {what} could not be read; {those} dated now.")
        return notes


def _day_of(match: re.Match[str], day_first: bool) -> datetime | None:
    first, second = int(match[1]), int(match[3])
    day, month = (first, second) if day_first else (second, first)
    try:
        return datetime(whole_year(match[4]), month, day, tzinfo=UTC)
    except ValueError:
        return None


def _counted(number: float) -> datetime | None:
    """Read seconds or milliseconds since 1970, days of a spreadsheet, or 20240301."""
    try:
        if int(number) in _SERIAL_DAYS:
            return _DAY_ZERO + timedelta(days=number)
        if int(number) in _WRITTEN_DAYS:
            return datetime.strptime(f"{int(number)}", "%Y%m%d").replace(tzinfo=UTC)
        if number < _LEAST_SECONDS:
            return None
        seconds = number / 1000 if number >= _MILLISECONDS else number
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class _Names(parserinfo):
    """Months and days in the languages of those who write them out."""

    JUMP: ClassVar = [*parserinfo.JUMP, "de", "le", "el", "il", "den", "dem", "um", "uhr"]
    MONTHS: ClassVar = [
        ("jan", "january", "januar", "janvier", "enero", "ene", "gennaio", "gen", "janeiro"),
        ("feb", "february", "februar", "février", "fév", "févr", "febrero", "febbraio", "fev"),
        ("mar", "march", "märz", "mär", "mrz", "mars", "marzo", "março"),
        ("apr", "april", "avril", "avr", "abril", "abr", "aprile"),
        ("may", "mai", "mayo", "maggio", "mag", "maio"),
        ("jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho"),
        ("jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho"),
        ("aug", "august", "août", "agosto", "ago"),
        ("sep", "sept", "september", "septembre", "septiembre", "settembre", "set", "setembro"),
        ("oct", "october", "oktober", "okt", "octobre", "octubre", "ottobre", "ott", "outubro"),
        ("nov", "november", "novembre", "noviembre", "novembro"),
        ("dec", "december", "dezember", "dez", "décembre", "déc", "diciembre", "dic", "dicembre"),
    ]


_parser = parser(_Names())
_LEAST, _MOST = datetime(1970, 1, 2), datetime(2100, 12, 31)


def _in_words(text: str) -> datetime | None:
    """Read a date with the month as a word; None where a part is missing."""
    try:
        # What the text lacks comes from the default: a date of which a part is missing differs.
        least, most = (
            _parser.parse(text, default=default, ignoretz=True) for default in (_LEAST, _MOST)
        )
    except (ParserError, ValueError, OverflowError, TypeError):
        return None
    is_whole = least.date() == most.date() and (_LETTER.search(text) or text[:4].isdecimal())
    return least.replace(tzinfo=UTC) if is_whole else None


def _in_utc(at: datetime) -> datetime | None:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None
