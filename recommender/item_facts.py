"""Facts of a catalogue's own, such as prices and formats: what they are, how they read, filters."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from recommender.arrays import BoolArray, Float64Array, IntArray
from recommender.formats.cells import decimal_number, is_missing

NUMBER, TEXT = KINDS = ("number", "text")
MOST_FACTS = 12
LONGEST_LABEL, LONGEST_UNIT = 40, 12
# Longer ones are no facts but descriptions; the database's column holds MOST_FACTS of them.
LONGEST_VALUE = 60
LARGEST_NUMBER = 1e12
_CURRENCY_CODE = re.compile(r"[A-Z]{3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
FactValue = float | str
Label = Annotated[
    str,
    Meta(
        pattern=rf"^(?=.*\S)[^\x00-\x1f\x7f]{{1,{LONGEST_LABEL}}}$",
        title=f"one line of at most {LONGEST_LABEL} characters",
    ),
]
Unit = Annotated[
    str,
    Meta(
        pattern=rf"^[^\x00-\x1f\x7f]{{0,{LONGEST_UNIT}}}$",
        title=f"at most {LONGEST_UNIT} characters",
    ),
]


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """What items may say of themselves beside title and year. ``name``: in files and queries, made
    by ``fact_name``. ``unit``: of numbers, such as €."""

    name: Annotated[str, Meta(pattern=r"^[^\W_]+(_[^\W_]+)*$", title="a name in small letters")]
    label: Label
    kind: Annotated[str, Meta(pattern=f"^({'|'.join(KINDS)})$", title=" or ".join(KINDS))] = TEXT
    unit: Unit = ""

    def in_words(self, value: FactValue) -> str:
        """Return a value with its unit, such as "12.50 €"."""
        if isinstance(value, str):
            return value
        number = f"{value:,.0f}" if value.is_integer() else f"{value:,.10g}"
        if not value.is_integer() and _is_currency(self.unit):
            number = f"{value:,.2f}"
        return f"{number} {self.unit}".strip()


def fact_name(column: str) -> str:
    """Return the name of a column as queries take it: "list_price" of "List price"; may be ""."""
    return re.sub(r"[\W_]+", "_", column.lower()).strip("_")


def read_value(text: str, kind: str) -> FactValue | None:
    """Read a cell. None where it is empty. Raises ValueError where it cannot be a fact."""
    text = " ".join(text.split())
    if is_missing(text):
        return None
    if kind == NUMBER:
        number = decimal_number(text)
        if number is None or not abs(number) <= LARGEST_NUMBER:
            raise ValueError("a number")
        return number
    if len(text) > LONGEST_VALUE or _CONTROL.search(text):
        raise ValueError(f"a text of at most {LONGEST_VALUE} characters")
    return text


def as_json(values: Mapping[str, FactValue]) -> str:
    """Return values as text, equal for equal ones."""
    return json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str | None) -> dict[str, FactValue]:
    """Return values that ``as_json`` wrote; none of None."""
    values: dict[str, FactValue] = json.loads(text) if text else {}
    return values


@dataclass(frozen=True)
class FactFilter:
    """Wanted values by name of the fact; items without a value of it do not pass.

    ``ranges``: (at least, at most) of numbers, either None. ``texts``: any of these.
    """

    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    texts: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ranges or self.texts)


class FactTable:
    """The facts of many items as columns. ``ids``: of the items, (items,). Numbers are float64, NaN
    where there is none; texts are positions in ``values``, -1 where there is none."""

    def __init__(self, facts: Sequence[Fact], rows: Iterable[tuple[int, Mapping[str, FactValue]]]):
        ids: list[int] = []
        columns: dict[str, list[FactValue | None]] = {fact.name: [] for fact in facts}
        for item_id, values in rows:
            ids.append(item_id)
            for name, column in columns.items():
                column.append(values.get(name))
        self.ids = np.array(ids, np.int64)
        self.numbers: dict[str, Float64Array] = {}
        self.texts: dict[str, IntArray] = {}
        self.values: dict[str, list[str]] = {}
        for fact in facts:
            column = columns[fact.name]
            if fact.kind == NUMBER:
                numbers = [v if isinstance(v, int | float) else math.nan for v in column]
                self.numbers[fact.name] = np.array(numbers, np.float64)
            else:
                counts = Counter(value for value in column if isinstance(value, str))
                by_count = sorted(counts, key=lambda value: (-counts[value], value))
                places = {value: place for place, value in enumerate(by_count)}
                codes = [places.get(v, -1) if isinstance(v, str) else -1 for v in column]
                self.texts[fact.name] = np.array(codes, np.int32)
                self.values[fact.name] = by_count

    def passing(self, wanted: FactFilter) -> frozenset[int]:
        """Return ids of the items that pass a filter."""
        mask = np.ones(len(self.ids), bool)
        for condition in self._conditions(wanted):
            mask &= condition
        return frozenset(self.ids[mask].tolist())

    def _conditions(self, wanted: FactFilter) -> Iterator[BoolArray]:
        nothing = np.zeros(len(self.ids), bool)
        for name, (low, high) in wanted.ranges.items():
            numbers = self.numbers.get(name)
            if numbers is None:
                yield nothing
            else:  # NaN is in no range
                yield (numbers >= (-math.inf if low is None else low)) & (
                    numbers <= (math.inf if high is None else high)
                )
        for name, texts in wanted.texts.items():
            places = [n for n, value in enumerate(self.values.get(name, ())) if value in texts]
            yield np.isin(self.texts[name], places) if places else nothing


def _is_currency(unit: str) -> bool:
    signs = {unicodedata.category(letter) for letter in unit}
    return signs == {"Sc"} or bool(_CURRENCY_CODE.fullmatch(unit))
