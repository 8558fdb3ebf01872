"""What is said about an item lets expect its factors: genres, decade and creators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recommender.arrays import Float32Array, Float64Array

# What the word for a creator begins with.
CREATOR = "by "


class Described(Protocol):
    """An item with what is said about it; ``CatalogueItem`` is one."""

    @property
    def year(self) -> int | None: ...
    @property
    def genres(self) -> Sequence[str]: ...
    @property
    def creators(self) -> Sequence[str]: ...


def genres_and_decade(item: Described) -> set[str]:
    """Return the words for an item's genres, as they are, and for its decade, as in "1990s"."""
    return {*item.genres, *([] if item.year is None else [f"{item.year // 10}0s"])}


def words_of(item: Described) -> set[str]:
    """Return the words of all that an item is expected by: its creators too, as in "by NAME"."""
    return genres_and_decade(item) | {f"{CREATOR}{creator}" for creator in item.creators}


@dataclass(frozen=True)
class ItemPrior:
    """``ŷ = base + Σ W_word`` over the words of an item that are known.

    ``words``: ascending. ``table`` (1 + words, width): the base, then a row for each word. The
    columns are those of the ranking factors, of the rating factors, and the item's bias.
    """

    words: tuple[str, ...]
    table: Float32Array

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, 1)}

    def expect(self, items: Iterable[Described]) -> Float64Array:
        """Return what is expected of each item, (items, width)."""
        table, found = np.asarray(self.table, np.float64), []
        for item in items:
            rows = [self._rows[word] for word in sorted(words_of(item)) if word in self._rows]
            found.append(table[0] + table[rows].sum(axis=0))
        return np.array(found).reshape(-1, table.shape[1])
