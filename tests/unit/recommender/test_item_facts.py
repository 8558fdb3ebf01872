"""Facts of a catalogue's own: reading cells, filters, and how a release carries them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from recommender.catalogue import (
    Catalogue,
    CatalogueItem,
    catalogue_fields,
    needs_format_3,
    read_items,
    write_items,
)
from recommender.item_facts import (
    NUMBER,
    TEXT,
    Fact,
    FactFilter,
    FactTable,
    as_json,
    fact_name,
    from_json,
    read_value,
)
from recommender.validation import convert

PRICE, FORMAT = Fact("price", "Price", NUMBER, "€"), Fact("format", "Format")
ROWS = [
    (1, {"price": 5.0, "format": "Paper"}),
    (2, {"price": 20.0, "format": "Cloth"}),
    (3, {"format": "Paper"}),
    (4, {"price": 9.5}),
    (5, {"price": "odd", "format": 7.0}),
]
TABLE = FactTable([PRICE, FORMAT], ROWS)


@pytest.mark.parametrize(
    ("ranges", "texts", "expected"),
    [
        ({}, {}, {1, 2, 3, 4, 5}),
        ({"price": (6, None)}, {}, {2, 4}),
        ({"price": (None, 9.5)}, {}, {1, 4}),
        ({"price": (5, 5)}, {}, {1}),
        ({}, {"format": {"Paper"}}, {1, 3}),
        ({}, {"format": {"Paper", "Cloth"}}, {1, 2, 3}),
        ({"price": (6, None)}, {"format": {"Cloth"}}, {2}),
        ({}, {"format": {"Vellum"}}, set()),
        ({"weight": (1, None)}, {}, set()),
        ({}, {"colour": {"red"}}, set()),
    ],
)
def test_passing_keeps_items_that_have_the_wanted_facts(
    ranges: dict[str, tuple[float | None, float | None]],
    texts: dict[str, frozenset[str]],
    expected: set[int],
) -> None:
    assert TABLE.passing(FactFilter(ranges, texts)) == expected


def test_values_of_texts_are_sorted_by_how_many_have_them() -> None:
    assert TABLE.values == {"format": ["Paper", "Cloth"]}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12.50", NUMBER, 12.5),
        (" 12,5 ", NUMBER, 12.5),
        ("1e3", NUMBER, 1000.0),
        ("NaN", NUMBER, None),
        ("", NUMBER, None),
        ("  Hard \n back ", TEXT, "Hard back"),
        ("NULL", TEXT, None),
        ("<b>", TEXT, "<b>"),
    ],
)
def test_read_value_reads_cells(text: str, kind: str, value: object) -> None:
    assert read_value(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("cheap", NUMBER, "a number"),
        ("inf", NUMBER, "a number"),
        ("1e300", NUMBER, "a number"),
        ("€ 5", NUMBER, "a number"),
        ("x" * 61, TEXT, "a text of at most 60 characters"),
        ("a\0b", TEXT, "a text of at most 60 characters"),
    ],
)
def test_read_value_refuses_what_is_no_fact(text: str, kind: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_value(text, kind)


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("€", 12.5, "12.50 €"),
        ("EUR", 1234.0, "1,234 EUR"),
        ("pages", 320.0, "320 pages"),
        ("kg", 0.75, "0.75 kg"),
        ("", 3.0, "3"),
        ("", "Paper", "Paper"),
    ],
)
def test_in_words_has_the_unit(unit: str, value: float | str, words: str) -> None:
    assert Fact("x", "X", NUMBER, unit).in_words(value) == words


@pytest.mark.parametrize(
    ("column", "name"),
    [("price", "price"), ("List price (€)", "list_price"), ("Größe", "größe"), ("€", "")],
)
def test_fact_name_fits_a_query(column: str, name: str) -> None:
    assert fact_name(column) == name


def test_as_json_is_the_same_for_equal_values() -> None:
    assert as_json({"b": "x", "a": 1.5}) == as_json({"a": 1.5, "b": "x"}) == '{"a":1.5,"b":"x"}'
    assert from_json(as_json({"a": 1.5})) == {"a": 1.5}
    assert from_json(None) == {}


# In a release


def test_items_carry_facts_and_availability_only_where_they_say_something(tmp_path: Path) -> None:
    items = [
        CatalogueItem(1, "Emma"),
        CatalogueItem(2, "Momo", facts={"price": 5.0, "format": "Paper"}, available=False),
    ]
    write_items(tmp_path / "items.jsonl.gz", items)
    assert list(read_items(tmp_path / "items.jsonl.gz")) == items
    first, second = gzip.decompress((tmp_path / "items.jsonl.gz").read_bytes()).splitlines()
    assert not json.loads(first).keys() & {"facts", "available"}
    assert json.loads(second)["facts"] == {"price": 5.0, "format": "Paper"}


def test_catalogue_with_facts_needs_format_3_and_is_read_again() -> None:
    plain = Catalogue("x", "book", "explicit", 0.5, 5.0, 0.5, 1, 1, 1, 1)
    assert "facts" not in catalogue_fields(plain)
    assert not needs_format_3(plain, [CatalogueItem(1, "Emma")])
    assert needs_format_3(plain, [CatalogueItem(1, "Emma", facts={"price": 1.0})])
    described = Catalogue("x", "book", "explicit", 0.5, 5.0, 0.5, 1, 1, 1, 1, facts=(PRICE,))
    written = json.loads(json.dumps(catalogue_fields(described)))
    assert convert(written, Catalogue, "release.json") == described
    assert needs_format_3(described, [])
