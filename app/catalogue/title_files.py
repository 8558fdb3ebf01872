"""Add titles from a file: a table with a header, or one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from app.catalogue.added_titles import OWNER, NewTitle, Origin, TakenId, add, same_names
from app.catalogue.fact_files import (
    LONGEST_DESCRIPTION,
    READERS,
    BadValue,
    Readers,
    read_rows,
    text_of,
    values_of,
)
from app.catalogue.items import LONGEST_KEY
from app.catalogue.pictures import picture_hosts
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from recommender.catalogue import LARGEST_ID, Catalogue
from recommender.errors import DataError
from recommender.formats.cells import whole_number
from recommender.pictures import picture_host
from recommender.storage.release import Release

TITLE = "title"
FILMS = "movie"
# The first film is of 1874; other things may be as old as writing.
FIRST_FILM, FIRST_YEAR = 1870, -5_000
# A title may be announced for so many years ahead.
YEARS_AHEAD = 10
IMDB_ID = re.compile(r"^[Tt]{2}[0-9]{7,10}$")


@dataclass
class FileCounts:
    """Numbers of titles: ``new`` ones, ``here`` already, ``alike``: new ones with the name and year
    of another one, ``elsewhere``: pictures at hosts that the release in service does not name."""

    new: int = 0
    here: int = 0
    alike: int = 0
    elsewhere: int = 0


def is_year_of(year: int | None, noun: str) -> bool:
    """Return whether a title of this kind can be of that year."""
    first = FIRST_FILM if noun == FILMS else FIRST_YEAR
    return year is None or first <= year <= utcnow().year + YEARS_AHEAD


@retry_on_conflict
def add_from_file(path: Path, release: Release) -> FileCounts:
    """Add the titles of a file that are not here, all of them or, where a line is bad, none.

    Raises DataError naming the line.
    """
    places, titles = [], []
    for place, title in read_titles(path, release.catalogue):
        places.append(place)
        titles.append(title)
    added = add(titles, Origin(OWNER))
    if added.taken:
        db.session.rollback()
        raise _at(places, min(added.taken.values(), key=lambda problem: problem.place))
    new = [t for t, item_id in zip(titles, added.item_ids, strict=True) if item_id in added.new]
    counts = FileCounts(len(added.new), len(titles) - len(added.new), same_names(new))
    counts.elsewhere = _elsewhere(new, picture_hosts(release))
    db.session.commit()
    return counts


def _at(places: list[str], problem: TakenId) -> DataError:
    return DataError(f"{places[problem.place]}: {problem}; nothing of the file was stored")


def _elsewhere(titles: Collection[NewTitle], hosts: Collection[str]) -> int:
    return sum(
        title.image is not None and picture_host(title.image) not in hosts for title in titles
    )


def read_titles(path: Path, catalogue: Catalogue) -> Iterator[tuple[str, NewTitle]]:
    """Yield where each title of a file is, and its facts. Raises DataError naming the line."""
    readers = _readers(catalogue)
    columns = {name.replace("_", ""): name for name in readers}
    for place, row in read_rows(path, TITLE, readers):
        known = {columns.get(name.replace("_", "").lower(), ""): cell for name, cell in row.items()}
        if TITLE not in known:
            raise DataError(f"{place}: no title; nothing of the file was stored")
        if known.get("key") not in (None, "") and not catalogue.keyed:
            raise DataError(
                f"{place}: the release in service has no keys; leave the column key out, or train"
                " with a catalogue of your own"
            )
        yield place, NewTitle(**values_of(known, readers, place))


def _readers(catalogue: Catalogue) -> Readers:
    names = {field.name for field in fields(NewTitle)}
    of_facts = {name: reader for name, reader in READERS.items() if name in names}
    return {
        **of_facts,
        "year": partial(_year, catalogue.noun),
        "imdb_id": read_imdb_id,
        "tmdb_id": _tmdb_id,
        "key": partial(_short, LONGEST_KEY),
        "description": _description,
    }


def _year(noun: str, value: Any) -> int | None:
    year: int | None = READERS["year"](value)
    if not is_year_of(year, noun):
        raise BadValue(f"a year of a {noun}")
    return year


def read_imdb_id(value: Any) -> str | None:
    text = text_of(value).lower()
    if text and not IMDB_ID.match(text):
        raise BadValue("an id of IMDb such as tt0133093")
    return text or None


def _tmdb_id(value: Any) -> int | None:
    if not (text := text_of(value)):
        return None
    number = whole_number(text)
    if number is None or not 0 < number <= LARGEST_ID:
        raise BadValue("an id of TMDB such as 603")
    return number


def _short(longest: int, value: Any) -> str | None:
    text = text_of(value)
    if len(text) > longest:
        raise BadValue(f"of {longest} characters or fewer")
    return text or None


def _description(value: Any) -> str | None:
    return text_of(value)[:LONGEST_DESCRIPTION] or None
