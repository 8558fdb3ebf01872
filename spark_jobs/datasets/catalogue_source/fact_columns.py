"""Facts of items in a catalogue's own columns: of which kind each is, and the values that fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recommender.item_facts import NUMBER, TEXT, Fact, FactValue, read_value
from spark_jobs.datasets.catalogue_source.description import FactColumn
from spark_jobs.datasets.findings import Findings

NO_FACT = "facts left out, which are not {}"
LIST_SEPARATOR = ", "


def role_of(column: FactColumn) -> str:
    """Return what messages call the column."""
    return f"fact {column.label}"


def facts_of(columns: Sequence[FactColumn], rows: Iterable[Mapping[str, Any]]) -> tuple[Fact, ...]:
    """Return the facts of a table. What the file does not say is of numbers where it has a unit, or
    where most cells hold one."""
    rows = list(rows)
    return tuple(
        Fact(column.name, column.label, column.kind or _kind(column, rows), column.unit)
        for column in columns
    )


def fact_values(
    key: str,
    row: Mapping[str, Any],
    facts: Sequence[Fact],
    columns: Sequence[FactColumn],
    findings: Findings,
) -> dict[str, FactValue]:
    """Return the facts of one row by name; count cells that cannot be read."""
    values: dict[str, FactValue] = {}
    for fact, column in zip(facts, columns, strict=True):
        text = _cell(row[role_of(column)])
        try:
            value = read_value(text, fact.kind)
        except ValueError as error:
            findings.add(NO_FACT.format(error), f"{key!r}: {fact.label} {text[:30]!r}")
        else:
            if value is not None:
                values[fact.name] = value
    return values


def _kind(column: FactColumn, rows: Sequence[Mapping[str, Any]]) -> str:
    if column.unit:
        return NUMBER
    are_numbers = list(_are_numbers(_cell(row[role_of(column)]) for row in rows))
    return NUMBER if sum(are_numbers) * 2 > len(are_numbers) else TEXT


def _are_numbers(cells: Iterable[str]) -> Iterator[bool]:
    """Yield of each filled cell whether it holds a number."""
    for cell in cells:
        try:
            if read_value(cell, NUMBER) is not None:
                yield True
        except ValueError:
            yield False


def _cell(value: str | list[str] | None) -> str:
    return LIST_SEPARATOR.join(filter(None, value)) if isinstance(value, list) else value or ""
