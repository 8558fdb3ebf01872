"""Match entries of files to items: by id, then by title and year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from app.extensions import db
from app.http import request_budget
from app.models import Item
from app.portability.entries import Entry
from recommender.formats.titles import search_key, split_title

_ARTICLE = re.compile(r"^(the|a|an|le|la|les|un|une|el|los|las|il|der|die|das) (?=.)")
_BRACKETS = re.compile(r"\(([^()]*)\)")
# Bracketed names that are tried; MovieLens has three at most.
MOST_BRACKETS = 5
# The longest title that the catalogue stores.
LONGEST_NAME = 255
# Services give different years to a title, by country.
NEARBY = (0, 1, -1)
# How an item was matched. A match by name never overrules one by id.
BY_ID, BY_NAME = ("id", "name")


class Match(NamedTuple):
    """The item of an entry; ``by``: BY_ID or BY_NAME."""

    item_id: int
    by: str


class Matcher:
    """Indexes the catalogue by ids, and by title and year."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._imdb: dict[str, int] = {}
        self._tmdb: dict[int, int] = {}
        self._named: dict[tuple[str, int | None], int] = {}
        items = select(Item.id, Item.title, Item.year, Item.imdb_id, Item.tmdb_id).order_by(
            Item.rating_count.desc(), Item.id
        )
        for item in db.session.execute(items):
            request_budget.check()
            self._ids.add(item.id)
            if item.imdb_id:
                self._imdb.setdefault(item.imdb_id, item.id)
            if item.tmdb_id:
                self._tmdb.setdefault(item.tmdb_id, item.id)
            for name in _names(item.title):
                self._named.setdefault((name, item.year), item.id)

    def match(self, entry: Entry) -> Match | None:
        """Return the item; of several with one title and year the one rated most."""
        if (item_id := self._by_id(entry)) is not None:
            return Match(item_id, BY_ID)
        if (item_id := self._by_name(entry)) is not None:
            return Match(item_id, BY_NAME)
        return None

    def _by_id(self, entry: Entry) -> int | None:
        if entry.item_id in self._ids:
            return entry.item_id
        if entry.imdb_id in self._imdb:
            return self._imdb[entry.imdb_id]
        return self._tmdb.get(entry.tmdb_id) if entry.tmdb_id is not None else None

    def _by_name(self, entry: Entry) -> int | None:
        title, year = split_title(entry.title)
        year = entry.year or year
        if year is None:
            return None
        names = list(_names(title))
        nearby = ((name, year + step) for step in NEARBY for name in names)
        return next((self._named[pair] for pair in nearby if pair in self._named), None)


def _names(title: str) -> Iterator[str]:
    """Yield search keys of a title: whole, without brackets, and of what is in brackets.

    "Amelie (Le Fabuleux destin d'Amélie Poulain)" has three names.
    """
    bracketed = _BRACKETS.findall(title)[:MOST_BRACKETS]
    for name in dict.fromkeys((title, _BRACKETS.sub(" ", title), *bracketed)):
        if len(name) <= LONGEST_NAME and (key := search_key(name.removeprefix("a.k.a. "))):
            yield _ARTICLE.sub("", key)
