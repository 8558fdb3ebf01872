"""Titles that were added at the site, as it hands them to training: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from recommender.catalogue import FIRST_ADDED_ITEM, CatalogueItem, item_fields
from recommender.errors import DataError

# The file beside the exported ratings.
TITLES_FILE = "titles.jsonl"


def write_titles(path: Path, items: Iterable[CatalogueItem]) -> int:
    """Write the titles; return their number."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for item in items:
            lines.write(json.dumps(item_fields(item), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_titles(content: bytes, place: str) -> list[CatalogueItem]:
    """Read the titles of a file, ascending by id. Raises DataError naming the line."""
    items: dict[int, CatalogueItem] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            item = msgspec.json.decode(line, type=CatalogueItem)
            if item.item_id < FIRST_ADDED_ITEM or item.item_id in items:
                raise ValueError(f"id {item.item_id} stands twice, or is none of an added title")
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}, line {number}: not a title ({error}); `flask export-ratings` writes it"
            ) from error
        items[item.item_id] = item
    return [items[item_id] for item_id in sorted(items)]
