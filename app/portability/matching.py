"""Match entries of files to items: by id, then by title and year."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import select

from app.extensions import db
from app.http import request_budget
from app.models import AddedTitle, Item
from app.portability.entries import Entry
from app.portability.title_names import (
    Name,
    Strength,
    alternative_names,
    part_names,
    whole_names,
)
from recommender.formats.titles import split_title

# Services give different years to a title, by country.
MOST_APART = 1
_STRENGTHS = len(Strength)
# How an item was matched. A match by name never overrules one by id.
BY_ID, BY_NAME = ("id", "name")


class Match(NamedTuple):
    """The item of an entry; ``by``: BY_ID or BY_NAME."""

    item_id: int
    by: str


@dataclass(frozen=True)
class _Known:
    """What the catalogue says about an item."""

    item_id: int
    title: str
    year: int | None
    imdb_id: str | None
    tmdb_id: int | None


class _Candidate(NamedTuple):
    """An item that has a name of an entry; years ``apart``, or None where one has none."""

    item: _Known
    strength: Strength
    apart: int | None

    @property
    def is_whole(self) -> bool:
        return self.strength < Strength.PART

    @property
    def is_itself(self) -> bool:
        return self.strength == Strength.LITERAL and self.apart == 0


class Matcher:
    """Indexes the catalogue by ids, and by title and year."""

    def __init__(self) -> None:
        self._items: list[_Known] = []
        self._ids: dict[int, _Known] = {}
        self._imdb: dict[str, _Known] = {}
        self._tmdb: dict[int, _Known] = {}
        self._names: _NameIndex | None = None
        facts = Item.title, Item.year, Item.imdb_id, Item.tmdb_id
        items = select(AddedTitle.hidden_at, AddedTitle.merged_into, Item.id, *facts)
        items = items.outerjoin(AddedTitle, AddedTitle.item_id == Item.id)
        ranked = items.order_by(Item.rating_count.desc(), Item.id)
        for hidden_at, into, item_id, title, year, imdb_id, tmdb_id in db.session.execute(ranked):
            request_budget.check()
            # One that was merged stands for the other by its ids alone, one that is hidden too.
            item = _Known(into or item_id, title, year, imdb_id, tmdb_id)
            if hidden_at is None and into is None:
                self._items.append(item)
            self._ids[item_id] = item
            if item.imdb_id:
                self._imdb.setdefault(item.imdb_id, item)
            if item.tmdb_id:
                self._tmdb.setdefault(item.tmdb_id, item)

    def match(self, entry: Entry) -> Match | None:
        """Return the item that an entry means, or None where none is certain.

        An item whose ids are others than the entry's is never it, whatever its name.
        """
        item = self._by_id(entry)
        if item is not None:
            return Match(item.item_id, BY_ID)
        item = None if entry.not_a_title else self._by_name(entry)
        return Match(item.item_id, BY_NAME) if item is not None else None

    def _by_id(self, entry: Entry) -> _Known | None:
        found = (
            self._ids.get(entry.item_id) if entry.item_id is not None else None,
            self._imdb.get(entry.imdb_id) if entry.imdb_id else None,
            self._tmdb.get(entry.tmdb_id) if entry.tmdb_id else None,
        )
        return next((item for item in found if item and not _contradicts(entry, item)), None)

    def _by_name(self, entry: Entry) -> _Known | None:
        if self._names is None:
            self._names = _NameIndex(self._items)
        for title in dict.fromkeys((entry.title, entry.original_title)):
            if title and (item := self._called(title, entry)) is not None:
                return item
        return None

    def _called(self, raw: str, entry: Entry) -> _Known | None:
        names = self._names
        assert names is not None
        title, year = split_title(raw)
        year = entry.year or year
        found: dict[int, _Candidate] = {}
        for name in whole_names(title):
            names.collect(name, entry, year, found)
            # The first name is the title itself, letter by letter: nothing is better.
            if literal := [each for each in found.values() if each.is_itself]:
                return literal[0].item
        if not found:
            # What the entry has in brackets, or after "a.k.a."; it may be a remark.
            for name in alternative_names(title):
                names.collect(name, entry, year, found)
            return _only(each for each in found.values() if each.is_whole and each.apart == 0)
        candidates = list(found.values())
        return _of_year(candidates) if year else _of_any_year(candidates)


def _of_any_year(candidates: list[_Candidate]) -> _Known | None:
    """Choose for an entry without a year: a name that one item has."""
    literal = [each for each in candidates if each.strength == Strength.LITERAL]
    return _only(literal or [each for each in candidates if each.is_whole])


def _of_year(candidates: list[_Candidate]) -> _Known | None:
    """Choose by year. Of two that come into question, neither is certain."""
    whole = [each for each in candidates if each.is_whole]
    exact = [each for each in candidates if each.apart == 0]
    if not whole:
        # An item of a part's very year, and no other of the series beside it.
        return _only(candidates) if exact else None
    if not any(each.is_whole for each in exact):
        return _only([*whole, *exact])
    strongest = min(each.strength for each in whole)
    best = [each for each in whole if each.strength == strongest]
    is_one_title = len({each.item.title for each in best}) == 1
    return best[0].item if best[0].apart == 0 and is_one_title else None


def _only(candidates: Iterable[_Candidate]) -> _Known | None:
    found = list(candidates)
    return found[0].item if len(found) == 1 else None


def _contradicts(entry: Entry, item: _Known) -> bool:
    """Return whether both have an external id, and not the same."""
    if entry.imdb_id and item.imdb_id:
        return entry.imdb_id != item.imdb_id
    if entry.tmdb_id and item.tmdb_id:
        return entry.tmdb_id != item.tmdb_id
    return False


class _NameIndex:
    """Items by the keys of their names, most rated first; 16 bytes a name, since a large catalogue
    has a million of them."""

    def __init__(self, items: list[_Known]) -> None:
        self._items = items
        keys, places = array("q"), array("q")
        for place, item in enumerate(items):
            request_budget.check()
            for name in dict.fromkeys(_names_of(item.title)):
                keys.append(hash(name.key))
                places.append(place * _STRENGTHS + name.strength)
        order = np.argsort(np.asarray(keys, np.int64), kind="stable")
        self._keys = array("q", np.asarray(keys, np.int64)[order].tobytes())
        self._places = array("q", np.asarray(places, np.int64)[order].tobytes())

    def collect(
        self, name: Name, entry: Entry, year: int | None, found: dict[int, _Candidate]
    ) -> None:
        """Add to ``found`` the items of this name that the entry may mean, by id; of an item that
        is there already, the stronger name stays. ``year``: of the entry."""
        key = hash(name.key)
        position = bisect_left(self._keys, key)
        while position < len(self._keys) and self._keys[position] == key:
            place, strength = divmod(self._places[position], _STRENGTHS)
            item, strength = self._items[place], max(strength, name.strength)
            apart = abs(year - item.year) if year and item.year else None
            is_nearby = apart is None or apart <= MOST_APART
            if is_nearby and not _contradicts(entry, item):
                known = found.get(item.item_id)
                if known is None or known.strength > strength:
                    found[item.item_id] = _Candidate(item, Strength(strength), apart)
            position += 1


def _names_of(title: str) -> Iterator[Name]:
    yield from whole_names(title)
    yield from alternative_names(title)
    yield from part_names(title)
