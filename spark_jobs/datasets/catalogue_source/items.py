"""The items of a catalogue's table, on the driver."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.formats.cells import yes_or_no
from recommender.item_facts import Fact
from recommender.keys import LONGEST_KEY
from recommender.pictures import picture_host
from spark_jobs.arrow import arrow_batches
from spark_jobs.datasets.catalogue_source.columns import select_items
from spark_jobs.datasets.catalogue_source.description import (
    KEY,
    ItemTable,
    LinkTemplate,
    Option,
    OwnCatalogue,
    SplitColumn,
)
from spark_jobs.datasets.catalogue_source.fact_columns import fact_values, facts_of, role_of
from spark_jobs.datasets.catalogue_source.sources import open_table, readable
from spark_jobs.datasets.findings import Findings

NO_KEY = "items without a key, or with one that cannot be used"
NO_TITLE = "items without a title"
BAD = (NO_KEY, NO_TITLE)
OTHER_FACTS = "items whose key another row has with other facts (the first in order counts)"
NO_YEAR = "items whose year cannot be read"
NO_IMAGE = "pictures left out, whose address is not https"
NO_LINK = "links left out, which are no web address"
NO_AVAILABLE = "items of which neither yes, no nor a number says whether they are available"
ROLES = (
    *("item", "title", "year", "genres", "creators", "image", "description", "available", "link"),
)
# Of an item table: texts with line breaks in quotation marks. Ratings have none, and a file that is
# read so cannot be divided.
ITEM_DEFAULTS: dict[str, dict[str, Option]] = {"csv": {"multiLine": True}}


@dataclass(frozen=True)
class ItemRow:
    """One item of the table, still without an id."""

    key: str
    facts: dict[str, Any]

    def as_item(self, item_id: int) -> CatalogueItem:
        return CatalogueItem(item_id=item_id, key=self.key, **self.facts)


@dataclass(frozen=True)
class ItemRows:
    """The items of a table in order of their keys, and the facts that they may have."""

    items: list[ItemRow]
    facts: tuple[Fact, ...]
    findings: Findings


def open_items(session: SparkSession, own: OwnCatalogue) -> DataFrame:
    """Open the item table without reading its rows. Raises DataError."""
    defaults = ITEM_DEFAULTS.get(own.items.kind, {})
    return open_table(session, own.items, own.folder, defaults)


def read_items_table(frame: DataFrame, table: ItemTable) -> ItemRows:
    """Raises DataError where there are no items, or too many cannot be used."""
    columns = {role: getattr(table.columns, role) for role in ROLES}
    if isinstance(table.columns.link, LinkTemplate):
        columns["link"] = ""
    columns |= {role_of(fact): fact.column for fact in table.facts}
    selected = select_items(frame, columns, table.shown)
    schema = pa.schema(
        (field.name, pa.list_(pa.string()) if field.dataType.typeName() == "array" else pa.string())
        for field in selected.schema
    )
    with readable(table):
        batches = arrow_batches(selected, schema).collect()
    rows = [row for batch in batches for row in batch.to_pylist()]
    findings = Findings()
    facts = facts_of(table.facts, rows)
    items = list(_distinct(_usable(_in_order(rows), table, facts, findings), findings))
    bad = findings.only(BAD)
    if sum(bad.counts.values()) > table.bad_rows * len(rows):
        raise DataError(
            f"{table.shown}: {'; '.join(bad.lines())}; more than {table.bad_rows:.0%} of"
            f" {len(rows):,} items: correct the table or `columns`, or raise items, bad_rows"
        )
    if not items:
        raise DataError(f"{table.shown}: holds no items; check the path")
    return ItemRows(items, facts, findings)


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort by key and then all else, so that the order in files does not matter."""

    def place(row: dict[str, Any]) -> list[str]:
        return ["" if value is None else str(value) for value in row.values()]

    return sorted(rows, key=place)


def _usable(
    rows: Iterable[dict[str, Any]], table: ItemTable, facts: Sequence[Fact], findings: Findings
) -> Iterator[ItemRow]:
    """Yield what can be used, and count what cannot."""
    for row in rows:
        key, title = row["item"] or "", " ".join((row["title"] or "").split())
        if not is_usable(key):
            findings.add(NO_KEY, f"{key[:40]!r}, title {title[:40]!r}")
        elif not title:
            findings.add(NO_TITLE, repr(key))
        else:
            own = fact_values(key, row, facts, table.facts, findings)
            described = _described(key, row, table, findings)
            yield ItemRow(key, {"title": title, **described, "facts": own})


def is_usable(key: str) -> bool:
    """Whether a text can be the key of an item or a user."""
    return bool(key.strip()) and len(key) <= LONGEST_KEY and not re.search(r"[\x00-\x1f\x7f]", key)


def _described(
    key: str, row: dict[str, Any], table: ItemTable, findings: Findings
) -> dict[str, Any]:
    columns, year, image = table.columns, row["year"], (row["image"] or "").strip()
    in_stock = row["available"] or ""
    available = yes_or_no(in_stock)
    if in_stock.strip() and available is None:
        findings.add(NO_AVAILABLE, f"{key!r}: {in_stock[:20]!r}")
    read_year = _year(year)
    if year and year.strip() and read_year is None:
        findings.add(NO_YEAR, f"{key!r}: {year[:20]!r}")
    if image and (picture_host(image) is None or re.search(r"\s", image)):
        findings.add(NO_IMAGE, f"{key!r}: {image[:60]!r}")
        image = ""
    return {
        "year": read_year,
        "genres": _several(row["genres"], columns.genres),
        "creators": _several(row["creators"], columns.creators),
        "image": image or None,
        "link": _link(key, row["link"] or "", columns.link, findings),
        "description": (row["description"] or "").strip() or None,
        "available": available is not False,
    }


def _link(key: str, cell: str, column: str | LinkTemplate, findings: Findings) -> str | None:
    """Return the web address that the table or the template gives an item, if it gives one."""
    if isinstance(column, LinkTemplate):
        return column.template.replace(KEY, quote(key, safe=""))
    address = cell.strip()
    if address and not re.fullmatch(r"https?://[^\s/]\S*", address):
        findings.add(NO_LINK, f"{key!r}: {address[:60]!r}")
        return None
    return address or None


def _year(text: str | None) -> int | None:
    """Read a year such as 1999, 1999.0, -380, or that of a date."""
    found = re.fullmatch(r"\s*(-?\d{1,4})(\.0*)?\s*|\s*(\d{4})-\d\d?-\d\d?.*", text or "")
    return int(found[1] or found[3]) if found else None


def _several(value: str | list[str] | None, column: str | SplitColumn) -> tuple[str, ...]:
    """Return the texts of a list, or of a text that separates them, each once."""
    if isinstance(value, str):
        value = value.split(column.sep) if isinstance(column, SplitColumn) else [value]
    stripped = (text.strip() for text in value or () if text)
    return tuple(dict.fromkeys(text for text in stripped if text))


def _distinct(rows: Iterable[ItemRow], findings: Findings) -> Iterator[ItemRow]:
    """Yield the first row of each key. ``rows``: in order of keys."""
    before: ItemRow | None = None
    for row in rows:
        if before and before.key == row.key:
            if before.facts != row.facts:
                shown = f"{before.facts['title'][:40]!r} and {row.facts['title'][:40]!r}"
                findings.add(OTHER_FACTS, f"{row.key!r}: {shown}")
            continue
        yield row
        before = row
