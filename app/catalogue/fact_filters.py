"""Filters of lists by a catalogue's own facts, from and to the query string.

``price__min=5&price__max=20`` are bounds of a number, ``format__is=Hardback`` is a text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import select

from app.catalogue.editions import of_edition
from app.extensions import db
from app.models import Item
from recommender.formats.cells import decimal_number
from recommender.item_facts import (
    LARGEST_NUMBER,
    NUMBER,
    TEXT,
    Fact,
    FactFilter,
    FactTable,
    from_json,
)

LOW, HIGH, IS = "__min", "__max", "__is"
# Values that the filter bar offers of a text, those of most items.
MOST_OFFERED = 24


class BadFilter(ValueError):
    """A value that cannot be used. ``parameter``: whose."""

    def __init__(self, parameter: str, problem: str):
        super().__init__(problem)
        self.parameter = parameter


@dataclass(frozen=True)
class FactFilters:
    """``facts``: those of the catalogue. ``wanted``: the values that are asked for."""

    facts: tuple[Fact, ...] = ()
    wanted: FactFilter = field(default_factory=FactFilter)

    @classmethod
    def of(
        cls, args: Mapping[str, Collection[str]], facts: tuple[Fact, ...], strict: bool = False
    ) -> FactFilters:
        """Read filters from values by name of parameter.

        Bounds that cannot be used are ignored, or with ``strict`` raise BadFilter.
        """
        ranges, texts = {}, {}
        for fact in facts:
            if fact.kind == NUMBER:
                low, high = (_bound(args, fact.name + end, strict) for end in (LOW, HIGH))
                if low is not None and high is not None and low > high:
                    low, high = high, low
                if (low, high) != (None, None):
                    ranges[fact.name] = low, high
            elif values := frozenset(value for value in args.get(fact.name + IS, ()) if value):
                texts[fact.name] = values
        return cls(facts, FactFilter(ranges, texts))

    @cached_property
    def ids(self) -> frozenset[int] | None:
        """Ids of the items that pass; None where nothing is asked for."""
        return fact_table(self.facts).passing(self.wanted) if self.wanted else None

    @property
    def in_words(self) -> str:
        """The filters as "price 5–20 €, format hardback or paperback"; may be empty."""
        return ", ".join(self._sentences())

    @property
    def as_args(self) -> dict[str, str | list[str]]:
        """The filters as parameters of a query string."""
        args: dict[str, str | list[str]] = {}
        for name, bounds in self.wanted.ranges.items():
            for end, bound in zip((LOW, HIGH), bounds, strict=True):
                if bound is not None:
                    args[name + end] = f"{bound:.15g}"
        return args | {name + IS: sorted(values) for name, values in self.wanted.texts.items()}

    @property
    def bounds(self) -> Mapping[str, tuple[str, str]]:
        """What stands in the fields of each number, by name."""
        args = self.as_args
        numbers = (fact.name for fact in self.facts if fact.kind == NUMBER)
        return {n: (str(args.get(n + LOW, "")), str(args.get(n + HIGH, ""))) for n in numbers}

    @property
    def offered(self) -> Mapping[str, Sequence[str]]:
        """The values of texts that can be chosen, by name; those that are chosen are among them."""
        texts = [fact.name for fact in self.facts if fact.kind == TEXT]
        if not texts:
            return {}
        values = fact_table(self.facts).values
        return {
            name: [
                value
                for place, value in enumerate(values[name])
                if place < MOST_OFFERED or value in self.wanted.texts.get(name, ())
            ]
            for name in texts
        }

    def _sentences(self) -> Iterator[str]:
        for fact in self.facts:
            label = fact.label.lower()
            if (bounds := self.wanted.ranges.get(fact.name)) is not None:
                low, high = (None if bound is None else fact.in_words(bound) for bound in bounds)
                if low and high:
                    yield f"{label} {low}" if low == high else f"{label} {low} to {high}"
                else:
                    yield f"{label} at least {low}" if low else f"{label} at most {high}"
            elif values := self.wanted.texts.get(fact.name):
                yield f"{label} {' or '.join(sorted(values))}"


def fact_table(facts: tuple[Fact, ...]) -> FactTable:
    """Return the facts of all items as the database has them."""
    return of_edition("facts", lambda: _read_facts(facts), facts)


def _read_facts(facts: tuple[Fact, ...]) -> FactTable:
    rows = db.session.execute(select(Item.id, Item.facts).where(Item.facts.is_not(None)))
    return FactTable(facts, ((row.id, from_json(row.facts)) for row in rows))


def _bound(args: Mapping[str, Collection[str]], parameter: str, strict: bool) -> float | None:
    text = next(iter(args.get(parameter, ())), "").strip()
    number = decimal_number(text)
    if number is not None and abs(number) <= LARGEST_NUMBER:
        return number
    if strict and (text or parameter in args):
        raise BadFilter(parameter, "Not a valid number.")
    return None
