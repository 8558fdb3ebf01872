"""Reads the published Steam files: what people own and how long they played it, and the catalogue.

Both are gzipped lines, each a Python dict literal. A gzip file cannot be read from the middle, but
unpacking is cheap compared to parsing literals: on one machine every worker unpacks the whole file
and parses each n-th line. On a cluster Spark unpacks it once and distributes the lines. No process
holds more than a batch.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from py4j.protocol import Py4JJavaError
from pyspark import RDD
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.feedback import IMPLICIT
from recommender.formats.steam import (
    ENDINGS,
    GAMES,
    LIBRARIES,
    LONGEST_LINE,
    BadLine,
    game_of,
)
from spark_jobs.array_cache import CachedArrays, Shared, cache
from spark_jobs.arrow import arrow_batches
from spark_jobs.datasets.dataset import Dataset, read_about
from spark_jobs.datasets.findings import Findings
from spark_jobs.datasets.library_batches import (
    CUT_SHORT,
    ODD_GAMES,
    UNREADABLE,
    LibraryBatch,
    Line,
    batches,
)
from spark_jobs.filesystem import exactly, join, list_folder, local_file
from spark_jobs.ratings import Ratings

# A larger share of bad lines fails the job.
MOST_BAD = 0.01

UNLISTED = "games that the catalogue does not list (named as in the libraries)"
TWICE = "people listed twice (the later line counts)"
LISTED_TWICE = "games listed twice (the later line counts)"
# Findings that count as bad lines.
BAD = (UNREADABLE, CUT_SHORT, ODD_GAMES)


def read_steam(spark: SparkSession, folder: str) -> Dataset:
    """Read a folder with the two files. A person's id is the number of the line that first has
    them, a game's is its id at Steam.

    Irregularities are counted (``Dataset.findings``). Raises DataError if a file is missing or
    empty, or more than 1 % of its lines are bad.
    """
    names = list_folder(spark, folder)
    try:
        return _read(spark, folder, names)
    except Py4JJavaError as error:
        raise DataError(
            f"{folder}: Spark cannot read it ({str(error.java_exception).splitlines()[0]});"
            " fetch it again"
        ) from error


def _read(spark: SparkSession, folder: str, names: set[str]) -> Dataset:
    libraries, catalogue = (
        join(folder, _named(names, part, folder)) for part in (LIBRARIES, GAMES)
    )
    items, odd_titles = _read_games(spark, catalogue)
    listed = spark.sparkContext.broadcast(frozenset(items))
    kept = cache(
        _lines(spark, libraries).mapPartitions(lambda lines: batches(lines, listed.value)),
        LibraryBatch,
    )
    summaries = list(
        kept.map(lambda b: (b.people, b.keys, len(b.hours), b.lines, b.names, b.findings))
    )
    findings = Findings.merged([odd_titles, *(found for *_, found in summaries)])
    _check(findings, libraries, sum(lines for _, _, _, lines, _, _ in summaries))
    first_line, twice = _first_lines(
        np.concatenate([people for people, *_ in summaries]),
        np.concatenate([keys for _, keys, *_ in summaries]),
    )
    for line in twice:
        findings.add(TWICE, f"line {line}")
    for *_, unlisted, _ in summaries:
        for item_id, name in unlisted.items():
            if item_id not in items:
                findings.add(UNLISTED, f"{item_id} {name!r}")
                items[item_id] = CatalogueItem(item_id, name)
    ratings = _ratings(kept, kept.share(first_line))
    rows = sum(pairs for _, _, pairs, *_ in summaries)
    if not rows:
        raise DataError(f"{libraries}: nobody has a game; unpack the data set again")
    about = read_about(spark, folder, names)
    return Dataset(
        path=folder,
        name=about.name or folder.rstrip("/").rsplit("/", 1)[-1],
        layout="Steam",
        ratings=ratings,
        rows=rows,
        items=sorted(items.values(), key=lambda item: item.item_id),
        simulated=bool(about.simulated),
        feedback=IMPLICIT,
        findings=findings,
    )


def _named(names: set[str], part: str, folder: str) -> str:
    found = sorted(name for name in names if part in name and name.endswith(ENDINGS))
    if len(found) != 1:
        there = ", ".join(found) or "none"
        raise DataError(
            f"{join(folder, f'*{part}*{ENDINGS[0]}')}: {there}, where one is needed;"
            " give a folder with one file of libraries and one catalogue"
        )
    return found[0]


# --- lines ---


def _lines(spark: SparkSession, path: str) -> RDD[Line]:
    parts = spark.sparkContext.defaultParallelism
    if local := local_file(spark, path):
        return spark.sparkContext.parallelize(range(parts), parts).flatMap(
            lambda part: _every_nth(local, part, parts)
        )
    # As one partition first, in which ids are consecutive.
    frame = spark.read.text(exactly(path)).coalesce(1)
    numbered = frame.withColumn("number", F.monotonically_increasing_id() + 1).repartition(parts)
    schema = pa.schema([("value", pa.string()), ("number", pa.int64())])
    return arrow_batches(numbered, schema).flatMap(
        lambda batch: (
            (number, text.encode())
            for number, text in zip(
                batch["number"].to_pylist(), batch["value"].to_pylist(), strict=True
            )
        )
    )


def _every_nth(path: Path, part: int, parts: int) -> Iterator[Line]:
    """Lines ``part``, ``part + parts``, … of a file; none is read further than is sensible."""
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(LONGEST_LINE + 2):
                number += 1
                mine = number % parts == part
                if mine:
                    yield number, line
                while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE)):
                    pass
    except (EOFError, zlib.error, gzip.BadGzipFile):
        if part == 0:
            yield number + 1, None


# --- together ---


def _first_lines(
    people: NDArray[np.int64], keys: NDArray[np.uint64]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], list[int]]:
    """Return, for lines whose user an earlier line has: (their numbers, that of the first line)."""
    order = np.lexsort((people, keys))
    people, keys = people[order], keys[order]
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    first = people[new][np.cumsum(new) - 1]
    again = np.argsort(people[~new])
    later = people[~new][again]
    return (later, first[~new][again]), later.tolist()


def _ratings(
    kept: CachedArrays[LibraryBatch],
    first_line: Shared[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> CachedArrays[Ratings]:
    """Convert hours to ratings. The files have no times: the line number takes their place, so
    the later line of a user counts."""

    def ratings(batch: LibraryBatch) -> Ratings:
        later, first = first_line.value
        users = batch.users.astype(np.int64)
        if len(later):
            place = np.searchsorted(later, users).clip(max=len(later) - 1)
            users = np.where(later[place] == users, first[place], users)
        seconds = batch.users.astype(np.int64)
        return Ratings(users.astype(np.int32), batch.items, batch.hours, seconds)

    return kept.view(ratings)


def _read_games(spark: SparkSession, path: str) -> tuple[dict[int, CatalogueItem], Findings]:
    def parse(lines: Iterable[Line]) -> Iterator[tuple[int, CatalogueItem | str]]:
        for number, line in lines:
            if line is None:
                yield number, CUT_SHORT
            elif line.strip():
                try:
                    yield number, game_of(line)
                except BadLine as error:
                    yield number, str(error)

    items: dict[int, CatalogueItem] = {}
    findings = Findings()
    found = _lines(spark, path).mapPartitions(parse).collect()
    for number, item in sorted(found, key=lambda pair: pair[0]):
        if item == CUT_SHORT:
            findings.add(CUT_SHORT, f"{GAMES}, line {number}: the file ends in it; fetch it again")
        elif isinstance(item, str):
            findings.add(UNREADABLE, f"{GAMES}, line {number}: {item}")
        else:
            if item.item_id in items:
                findings.add(LISTED_TWICE, f"line {number}: {item.item_id} {item.title!r}")
            items[item.item_id] = item
    _check(findings, path, len(found))
    return items, findings


def _check(findings: Findings, path: str, lines: int) -> None:
    if not lines:
        raise DataError(f"{path}: is empty; unpack the data set again")
    bad = findings.only(BAD)
    if (count := sum(bad.counts.values())) > MOST_BAD * lines:
        raise DataError(
            f"{path}: {count:,} bad of {lines:,} lines, which is more than {MOST_BAD:.0%}:"
            f" {'; '.join(bad.lines())}. Fetch the data set again"
        )
