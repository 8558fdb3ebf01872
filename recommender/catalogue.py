"""The catalogue: what an item is, and how a release stores the list of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from recommender.errors import ReleaseError
from recommender.item_facts import Fact, FactValue
from recommender.validation import LARGEST_FLOAT

# User and item ids are 32-bit everywhere: in Spark, in the blocks, in the database.
LARGEST_ID = 2**31 - 1
# Users of a keyed catalogue have ids from here on; people who sign up at the site stay below.
FIRST_KEYED_USER = 2**30
# Items that were added at the site, between two trainings, have ids from here on.
FIRST_ADDED_ITEM = 2**30
# Of a catalogue's file: a line that unpacks to more is no title.
LONGEST_LINE = 1_000_000
Id = Annotated[int, Meta(ge=0, le=LARGEST_ID)]
Number = Annotated[int, Meta(ge=-LARGEST_ID, le=LARGEST_ID)]  # that every database can store
Finite = Annotated[float, Meta(ge=-LARGEST_FLOAT, le=LARGEST_FLOAT)]


class CatalogueItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One title. ``imdb_id`` as in IMDb's addresses ("tt0133093"). ``key``: its id in the tables it
    comes from. ``image``: address of a picture (https). ``link``: address of its own page.
    ``facts``: by name of the catalogue's facts. ``available``: whether it may be recommended when
    the site first has it; from then on the site's own table says so."""

    item_id: Id
    title: str
    year: Number | None = None
    genres: tuple[str, ...] = ()
    imdb_id: Annotated[str, Meta(max_length=16)] | None = None
    tmdb_id: Number | None = None
    description: str | None = None
    key: str | None = None
    creators: tuple[str, ...] = ()
    image: Annotated[str, Meta(pattern=r"^https://[^\s]+$", title="an https address")] | None = None
    link: Annotated[str, Meta(pattern=r"^https?://[^\s]+$", title="a web address")] | None = None
    facts: dict[str, FactValue] = {}
    available: bool = True


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """What a release says of the data it was fitted on.

    ``feedback``: "explicit" (stars) or "implicit". People who sign up get ids above
    ``max_user_id``. ``noun``, ``plural``: one title and many. ``measure``, ``measures``: one and
    many of what an implicit value counts, hours where both are empty; ``having``: nothing is
    counted, and each value is 1. ``points``: what five stars are on the catalogue's own scale.
    ``keyed``: ids were made from keys, users' from FIRST_KEYED_USER on, which ``max_user_id``
    leaves out. ``recommend_again``: lists hold also what a person has rated or has. ``facts``: what
    items of this catalogue say of themselves, in the order of pages.
    """

    name: str
    noun: str
    feedback: Annotated[str, Meta(pattern="^(explicit|implicit)$", title="explicit or implicit")]
    rating_min: Finite
    rating_max: Finite
    rating_step: Annotated[float, Meta(gt=0, le=LARGEST_FLOAT)]
    ratings: int
    users: int
    items: int
    max_user_id: Id
    simulated: bool = False
    plural: str = ""
    measure: str = ""
    measures: str = ""
    having: bool = False
    points: Annotated[float, Meta(gt=0, le=LARGEST_FLOAT)] = 5.0
    keyed: bool = False
    recommend_again: bool = False
    facts: tuple[Fact, ...] = ()

    @property
    def nouns(self) -> str:
        return self.plural or f"{self.noun}s"


# What a format says from 3 on, in a release that needs it.
ITEM_ADDITIONS = {"key", "creators", "image", "link", "facts", "available"}
CATALOGUE_ADDITIONS = {
    "plural",
    "measure",
    "measures",
    "having",
    "points",
    "keyed",
    "recommend_again",
    "facts",
}


def item_fields(item: CatalogueItem) -> dict[str, Any]:
    """Return the fields to write; additions of format 3 only where they say something."""
    return _without_defaults(item, ITEM_ADDITIONS)


def catalogue_fields(catalogue: Catalogue) -> dict[str, Any]:
    """As ``item_fields``."""
    values = _without_defaults(catalogue, CATALOGUE_ADDITIONS)
    if facts := values.get("facts"):
        values["facts"] = [structs.asdict(fact) for fact in facts]
    return values


def needs_format_3(catalogue: Catalogue, items: Iterable[CatalogueItem]) -> bool:
    """Whether a release of these says what format 2 cannot."""
    if catalogue_fields(catalogue).keys() & CATALOGUE_ADDITIONS:
        return True
    return any(item_fields(item).keys() & ITEM_ADDITIONS for item in items)


def _without_defaults(record: Struct, names: set[str]) -> dict[str, Any]:
    defaults, values = _defaults(type(record)), structs.asdict(record)
    return {k: v for k, v in values.items() if k not in names or v != defaults[k]}


@cache
def _defaults(kind: type[Struct]) -> dict[str, Any]:
    """Return the defaults of a record's fields, by name; looking them up takes long."""
    return {
        f.name: f.default_factory() if f.default is NODEFAULT else f.default
        for f in structs.fields(kind)
        if not f.required
    }


def write_items(path: Path, items: Iterable[CatalogueItem]) -> None:
    """Write one JSON object a line, gzipped; the same items give the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        for item in items:
            packed.write(json.dumps(item_fields(item), ensure_ascii=False).encode() + b"\n")


def read_items(path: Path) -> Iterator[CatalogueItem]:
    """Yield the items of a release. Raises ReleaseError naming the file and line."""
    done, last = 0, -1
    try:
        with gzip.open(path) as lines:
            while line := lines.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise ValueError("far too long")
                item = msgspec.json.decode(line, type=CatalogueItem)
                if item.item_id <= last:
                    raise ValueError(f"id {item.item_id} does not follow {last}")
                yield item
                done, last = done + 1, item.item_id
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise ReleaseError(
            f"{path}, line {done + 1}: not a catalogue entry ({error}); publish the release again"
        ) from error
