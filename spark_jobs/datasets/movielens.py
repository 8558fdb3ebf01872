"""Reads every layout that GroupLens publishes: 100k, 1M and 10M, and the CSV ones; also as pandas,
R, Kaggle or a spreadsheet wrote them again.

Catalogues are small and parsed in Python; ``rating_lines`` reads the ratings.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace
from pyspark.sql import SparkSession

from recommender.catalogue import LARGEST_ID, CatalogueItem
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from recommender.formats.added_titles import TITLES_FILE, read_titles
from recommender.formats.cells import MISSING, whole_number
from recommender.formats.movielens import (
    ML_1M,
    ML_100K,
    ML_CSV,
    RatingsLayout,
    layout_among,
    without_layout,
)
from recommender.formats.other_data_sets import find_other_data_set, remedy
from recommender.formats.rating_format import REMEDY
from recommender.formats.titles import split_title
from spark_jobs.datasets.dataset import Dataset, read_about
from spark_jobs.datasets.findings import Findings
from spark_jobs.datasets.links import LEFT_OUT, Link, read_links
from spark_jobs.datasets.rating_lines import read_ratings
from spark_jobs.datasets.tables import Fields, decode_file, read_table
from spark_jobs.filesystem import join, list_folder, read_bytes

_GENRES_100K = (
    "unknown Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir"
    " Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
_NO_GENRE = MISSING | {"unknown", "(no genres listed)"}
_ONE_NAME = {"Children's": "Children"}

# Names of the optional file; the second is Kaggle's.
LINKS_FILES = ("links.csv", "link.csv")
ITEM_COLUMNS = ("movieId", "title", "genres")
MENDED = "titles as another program wrote them"


@dataclass(frozen=True)
class Layout:
    """How one generation of MovieLens lays out its files. ``items_files``: names of the catalogue,
    the published one first. ``items_separator``: of fields; "" where a header names them.

    ``parse_item`` turns the fields of a catalogue line into a CatalogueItem.
    """

    ratings: RatingsLayout
    items_files: tuple[str, ...]
    items_separator: str
    parse_item: Callable[[Fields], CatalogueItem]


def read_movielens(spark: SparkSession, folder: str) -> Dataset:
    """Read and check a MovieLens folder.

    Raises DataError naming file, line and remedy: for a folder of no known layout, a missing
    column, a malformed line, or a rating off the scale. What other programs changed without loss
    is mended and counted (``Dataset.findings``).
    """
    names = list_folder(spark, folder)
    ratings_file, items_file, layout = _detect(names, folder)
    items, odd_titles = _read_items(spark, join(folder, items_file), layout)
    items, odd_links = _with_links(spark, items, folder, names)
    read = read_ratings(spark, join(folder, ratings_file), layout.ratings)
    about = read_about(spark, folder, names)
    return Dataset(
        path=folder,
        name=about.name or folder.rstrip("/").rsplit("/", 1)[-1],
        layout=layout.ratings.name,
        ratings=read.ratings,
        rows=read.rows,
        items=items,
        simulated=bool(about.simulated),
        findings=Findings.merged([odd_titles, odd_links, read.findings]),
    )


def _detect(names: set[str], folder: str) -> tuple[str, str, Layout]:
    """Return the names of the ratings and of the catalogue, and their layout."""
    if not (found := layout_among(names)):
        raise DataError(f"{folder}: {without_layout(names)}")
    ratings_file, ratings = found
    layout = next(layout for layout in LAYOUTS if layout.ratings is ratings)
    for items_file in layout.items_files:
        if items_file in names:
            return ratings_file, items_file, layout
    raise DataError(
        f"{join(folder, layout.items_files[0])}: missing beside {ratings_file};"
        f" {remedy(find_other_data_set(names))}"
    )


def read_exported(spark: SparkSession, folder: str, feedback: str = EXPLICIT) -> Dataset:
    """Read ratings that the site exported, possibly none, of titles that other inputs list or that
    were added at the site, which come with them.

    Raises DataError like ``read_movielens``.
    """
    path, names = join(folder, ML_CSV.ratings_file), list_folder(spark, folder)
    if ML_CSV.ratings_file not in names:
        raise DataError(f"{path}: missing; `flask export-ratings` writes it")
    titles = join(folder, TITLES_FILE)
    content = read_bytes(spark, titles, may_be_empty=True) if TITLES_FILE in names else b""
    read = read_ratings(spark, path, ML_CSV, may_be_none=True, feedback=feedback)
    return Dataset(
        path=folder,
        name="ratings given here",
        layout=ML_CSV.name,
        ratings=read.ratings,
        rows=read.rows,
        items=read_titles(content, titles),
        feedback=feedback,
        findings=read.findings,
    )


def _read_items(
    spark: SparkSession, path: str, layout: Layout
) -> tuple[list[CatalogueItem], Findings]:
    content = read_bytes(spark, path)
    differences: list[str] = []
    if layout.items_separator:
        text, _ = decode_file(content, path)
        rows = _split(text, layout.items_separator)
    else:
        table = read_table(content, path, ITEM_COLUMNS)
        rows, differences = table.rows(), table.differences()
    items: dict[int, CatalogueItem] = {}
    for number, fields in rows:
        try:
            item = layout.parse_item(fields if layout.items_separator else table.wanted(fields))
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number}: not a title ({error}); {REMEDY}") from error
        if item.item_id in items:
            raise DataError(f"{path}, line {number}: id {item.item_id} stands twice; {REMEDY}")
        items[item.item_id] = item
    kind = f"{MENDED} ({'; '.join(differences)})"
    findings = Findings({kind: len(items)}, {kind: ["line 2"]}) if differences else Findings()
    return sorted(items.values(), key=lambda item: item.item_id), findings


def _split(text: str, separator: str) -> Iterator[tuple[int, Fields]]:
    """Yield (line number, fields) of every line that is not blank."""
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.strip():
            yield number, line.rstrip("\r\n").split(separator)


def _with_links(
    spark: SparkSession, items: list[CatalogueItem], folder: str, names: set[str]
) -> tuple[list[CatalogueItem], Findings]:
    """Add the ids of IMDb and TMDB to the items, where a file tells them."""
    if not (name := next((name for name in LINKS_FILES if name in names), None)):
        return items, Findings()
    path = join(folder, name)
    try:
        content = read_bytes(spark, path)
    except DataError as error:
        return items, Findings({LEFT_OUT: 1}, {LEFT_OUT: [str(error)]})
    links, findings = read_links(content, path)
    known = ((item, links.get(item.item_id, Link())) for item in items)
    return [replace(item, **link._asdict()) for item, link in known], findings


def _item(item_id: str, raw_title: str, genres: list[str]) -> CatalogueItem:
    title, year = split_title(raw_title)
    if not title:
        raise ValueError("it has no name")
    number = whole_number(item_id)
    if number is None or not 0 <= number <= LARGEST_ID:
        raise ValueError(f"its id is not a whole number from 0 to {LARGEST_ID}")
    names = (_ONE_NAME.get(name, name) for name in genres if name.lower() not in _NO_GENRE)
    return CatalogueItem(number, title, year, tuple(names))


def _parse_listed(fields: Fields) -> CatalogueItem:
    """``id, title, Genre|Genre``"""
    item_id, title, genres = fields
    return _item(item_id, title, genres.split("|"))


def _parse_flagged(fields: Fields) -> CatalogueItem:
    """``id|title|date|date|address`` and a 0 or 1 for each of nineteen genres."""
    flags = fields[5:]
    if len(flags) != len(_GENRES_100K):
        raise ValueError(f"{len(flags)} genre flags, not {len(_GENRES_100K)}")
    genres = [name for name, flag in zip(_GENRES_100K, flags, strict=True) if flag == "1"]
    return _item(fields[0], fields[1], genres)


LAYOUTS = (
    Layout(ML_100K, ("u.item",), "|", _parse_flagged),
    Layout(ML_1M, ("movies.dat",), "::", _parse_listed),
    # Kaggle's copy has movie.csv.
    Layout(ML_CSV, ("movies.csv", "movie.csv"), "", _parse_listed),
)
