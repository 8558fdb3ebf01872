"""The catalogue: what an item is, and how a release stores the list of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from recommender.errors import ReleaseError
from recommender.typed import check_types

# User and item ids are 32-bit everywhere: in Spark, in the blocks, in the database.
LARGEST_ID = 2**31 - 1
# Of a catalogue's file: a line that unpacks to more is no title.
LONGEST_LINE = 1_000_000
LONGEST_IMDB_ID = 16
_NO_ITEM = (ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True)
class CatalogueItem:
    """One title. ``imdb_id`` as in IMDb's addresses ("tt0133093")."""

    item_id: int
    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()
    imdb_id: str | None = None
    tmdb_id: int | None = None
    description: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """What a release says of the data it was fitted on.

    ``feedback``: "explicit" (stars) or "implicit". People who sign up get ids above
    ``max_user_id``.
    """

    name: str
    noun: str
    feedback: str
    rating_min: float
    rating_max: float
    rating_step: float
    ratings: int
    users: int
    items: int
    max_user_id: int
    simulated: bool = False


def write_items(path: Path, items: Iterable[CatalogueItem]) -> None:
    """Write one JSON object a line, gzipped; the same items give the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        for item in items:
            packed.write(json.dumps(asdict(item), ensure_ascii=False).encode() + b"\n")


def read_items(path: Path) -> Iterator[CatalogueItem]:
    """The items of a release, in a stream. Raises ReleaseError naming the file and line."""
    done, last = 0, -1
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            while line := lines.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise ValueError("far too long")
                values = json.loads(line)
                item = CatalogueItem(**{**values, "genres": tuple(values["genres"])})
                _check(item, last)
                yield item
                done, last = done + 1, item.item_id
    except (OSError, EOFError, zlib.error, *_NO_ITEM) as error:
        raise ReleaseError(
            f"{path}, line {done + 1}: not a catalogue entry ({error}); publish the release again"
        ) from error


def _check(item: CatalogueItem, last: int) -> None:
    """Raises TypeError or ValueError for what no database could take. ``last``: the id before."""
    check_types(item)
    # Half a surrogate pair is no text.
    "".join((item.title, item.description or "", *item.genres)).encode()
    if not last < item.item_id <= LARGEST_ID:
        raise ValueError(f"id {item.item_id} does not follow {last}")
    if not all(abs(number or 0) <= LARGEST_ID for number in (item.year, item.tmdb_id)):
        raise ValueError("a number is too large")
    if len((item.imdb_id or "").encode()) > LONGEST_IMDB_ID:
        raise ValueError("imdb_id is too long")
