"""Reads every layout that GroupLens publishes: 100k, 1M and 10M, and the CSV ones.

Catalogues are small and parsed in Python; ``rating_lines`` reads the ratings.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace
from pyspark.sql import SparkSession

from recommender.catalogue import LARGEST_ID, CatalogueItem
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from recommender.formats.movielens import ML_1M, ML_100K, ML_CSV, REMEDY, RatingsLayout
from recommender.formats.titles import split_title
from spark_jobs.datasets.dataset import Dataset, read_about
from spark_jobs.datasets.rating_lines import read_ratings
from spark_jobs.filesystem import join, list_folder, read_text

_GENRES_100K = (
    "unknown Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir"
    " Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
# 100k and 1M are latin-1 and 10M is UTF-8; accented latin-1 text is no valid UTF-8.
_OLD = ("utf-8", "latin-1")
_NO_GENRE = {"", "unknown", "(no genres listed)"}
_ONE_NAME = {"Children's": "Children"}

Fields = list[str]


@dataclass(frozen=True)
class Layout:
    """How one generation of MovieLens lays out its files.

    ``parse_item`` turns a catalogue line, split at ``items_separator``, into a CatalogueItem.
    """

    ratings: RatingsLayout
    items_file: str
    items_separator: str
    encodings: tuple[str, ...]
    parse_item: Callable[[Fields], CatalogueItem]


def read_movielens(spark: SparkSession, folder: str) -> Dataset:
    """Read and check a MovieLens folder.

    Raises DataError naming file, line and remedy: for a folder of no known layout, a missing
    column, a malformed line, or a rating off the scale.
    """
    names = list_folder(spark, folder)
    layout = _detect(names, folder)
    items = _read_items(spark, folder, layout)
    if "links.csv" in names:
        items = _with_links(items, read_text(spark, join(folder, "links.csv"), "utf-8-sig"), folder)
    ratings, rows = read_ratings(spark, join(folder, layout.ratings.ratings_file), layout.ratings)
    about = read_about(spark, folder, names)
    return Dataset(
        path=folder,
        name=about.name or folder.rstrip("/").rsplit("/", 1)[-1],
        layout=layout.ratings.name,
        ratings=ratings,
        rows=rows,
        items=items,
        simulated=bool(about.simulated),
    )


def _detect(names: set[str], folder: str) -> Layout:
    for layout in LAYOUTS:
        if layout.ratings.ratings_file in names:
            if layout.items_file not in names:
                raise DataError(
                    f"{join(folder, layout.items_file)}: missing beside"
                    f" {layout.ratings.ratings_file};"
                    " unpack the data set again"
                )
            return layout
    known = ", ".join(layout.ratings.ratings_file for layout in LAYOUTS)
    raise DataError(
        f"{folder}: no ratings file of a known layout ({known}); give an unpacked MovieLens folder"
    )


def read_exported(spark: SparkSession, folder: str, feedback: str = EXPLICIT) -> Dataset:
    """Read ratings that the site exported, possibly none, of titles that other inputs list.

    Raises DataError like ``read_movielens``.
    """
    path = join(folder, ML_CSV.ratings_file)
    if ML_CSV.ratings_file not in list_folder(spark, folder):
        raise DataError(f"{path}: missing; `flask export-ratings` writes it")
    ratings, rows = read_ratings(spark, path, ML_CSV, may_be_none=True, feedback=feedback)
    return Dataset(
        folder, "ratings given here", ML_CSV.name, ratings, rows, items=[], feedback=feedback
    )


def _rows(text: str, path: str, separator: str) -> Iterator[tuple[int, Fields]]:
    """(line number, fields) of every line that is not blank."""
    if separator == ",":
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        started = 1
        try:
            for fields in reader:
                if fields:
                    yield started, fields
                started = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}, line {started}: {error}; {REMEDY}") from error
    else:
        for number, line in enumerate(io.StringIO(text), start=1):
            if line.strip():
                yield number, line.rstrip("\r\n").split(separator)


def _read_items(spark: SparkSession, folder: str, layout: Layout) -> list[CatalogueItem]:
    path = join(folder, layout.items_file)
    rows = _rows(read_text(spark, path, *layout.encodings), path, layout.items_separator)
    if layout.ratings.header:
        _check_header(next(rows, (1, []))[1], ("movieId", "title", "genres"), path)
    items: dict[int, CatalogueItem] = {}
    for number, fields in rows:
        try:
            item = layout.parse_item(fields)
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number}: not a title ({error}); {REMEDY}") from error
        if item.item_id in items:
            raise DataError(f"{path}, line {number}: id {item.item_id} stands twice; {REMEDY}")
        items[item.item_id] = item
    return sorted(items.values(), key=lambda item: item.item_id)


def _check_header(found: Fields, wanted: tuple[str, ...], path: str) -> None:
    if tuple(name.strip("\ufeff ") for name in found[: len(wanted)]) != wanted:
        missing = next((name for name in wanted if name not in found), wanted[0])
        raise DataError(
            f"{path}, line 1: column {missing!r} is missing (found {', '.join(found)});"
            f" the header must be {','.join(wanted)}"
        )


def _with_links(items: list[CatalogueItem], text: str, folder: str) -> list[CatalogueItem]:
    """Add the ids of IMDb and TMDB to the items."""
    path = join(folder, "links.csv")
    rows = _rows(text, path, ",")
    _check_header(next(rows, (1, []))[1], ("movieId", "imdbId", "tmdbId"), path)
    links = {}
    for number, fields in rows:
        try:
            item_id, imdb, tmdb = fields
            links[int(item_id)] = (
                f"tt{int(imdb):07d}" if imdb else None,
                int(tmdb) if tmdb else None,
            )
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not a link ({error}); {REMEDY}") from error
    known = ((item, links.get(item.item_id, (None, None))) for item in items)
    return [replace(item, imdb_id=imdb, tmdb_id=tmdb) for item, (imdb, tmdb) in known]


def _item(item_id: str, raw_title: str, genres: list[str]) -> CatalogueItem:
    title, year = split_title(raw_title)
    if not title:
        raise ValueError("it has no name")
    if not 0 <= int(item_id) <= LARGEST_ID:
        raise ValueError(f"its id is not between 0 and {LARGEST_ID}")
    names = (_ONE_NAME.get(name, name) for name in genres if name not in _NO_GENRE)
    return CatalogueItem(int(item_id), title, year, tuple(names))


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
    Layout(ML_100K, "u.item", "|", _OLD, _parse_flagged),
    Layout(ML_1M, "movies.dat", "::", _OLD, _parse_listed),
    Layout(ML_CSV, "movies.csv", ",", ("utf-8-sig",), _parse_listed),
)
