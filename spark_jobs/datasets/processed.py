"""A data set read and checked once, which the pipeline's jobs read instead of the raw files.
Its folder holds

    processed.json      what it is: name, counts, kind of feedback, what was odd, and its parts
    items.jsonl.gz      the catalogue, as in a release
    ratings/*.parquet   user_id, item_id, value (stars), seconds (since 1970), in the order read
    keys.npz            where ids were made from keys: those of users and of items
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import structs
from pyspark.sql import SparkSession

from recommender.catalogue import read_items, write_items
from recommender.errors import DataError
from recommender.item_facts import Fact
from recommender.keys import CatalogueKeys
from recommender.storage.release import NOT_AN_ARRAY, key_arrays, keys_of
from spark_jobs.array_cache import cache
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import Findings
from spark_jobs.ratings import Ratings

ABOUT, ITEMS, RATINGS, KEYS = "processed.json", "items.jsonl.gz", "ratings", "keys.npz"
COLUMNS = ("user_id", "item_id", "value", "seconds")
REMEDY = "run the pipeline's stage `process` again"


class ProcessedAbout(msgspec.Struct):
    """What is read of ``processed.json``."""

    name: str
    layout: str
    rows: int
    simulated: bool
    feedback: str
    findings: Findings
    parts: list[str]
    keyed: bool = False
    timed: bool = True
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Written:
    """``untitled``: ratings of titles that the catalogue does not list, which were left out."""

    rows: int
    untitled: int


def is_processed(folder: str | Path) -> bool:
    return Path(folder, ABOUT).is_file()


def feedback_of(folder: Path) -> str:
    """Raises DataError."""
    return _about(folder / ABOUT).feedback


def write_processed(dataset: Dataset, folder: Path) -> Written:
    """Write a data set to a new folder."""
    target = folder / RATINGS
    target.mkdir(parents=True)
    listed = np.array([item.item_id for item in dataset.items], np.int32)

    def save(part: int, several: Iterable[Ratings]) -> Iterator[tuple[int, int]]:
        for n, some in enumerate(several):
            titled = np.isin(some.items, listed)
            columns = [pa.array(field[titled]) for field in some]
            table = pa.Table.from_arrays(columns, COLUMNS)
            pq.write_table(table, target / f"{part:05}-{n:05}.parquet")
            yield len(table), len(titled) - len(table)

    sizes = dataset.ratings.rows.mapPartitionsWithIndex(save).collect()
    rows, untitled = (sum(counts) for counts in zip(*sizes, strict=True))
    parts = sorted(path.name for path in target.iterdir() if path.suffix == ".parquet")
    write_items(folder / ITEMS, dataset.items)
    if dataset.keys:
        np.savez(folder / KEYS, allow_pickle=False, **key_arrays(dataset.keys))
    about = {
        "name": dataset.name,
        "layout": dataset.layout,
        "read_from": dataset.path,
        "rows": rows,
        "untitled": untitled,
        "titles": len(dataset.items),
        "simulated": dataset.simulated,
        "feedback": dataset.feedback,
        "findings": asdict(dataset.findings),
        "parts": parts,
        "keyed": dataset.keys is not None,
        "timed": dataset.timed,
        "facts": [structs.asdict(fact) for fact in dataset.facts],
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return Written(rows, untitled)


def read_processed(spark: SparkSession, folder: str) -> Dataset:
    """Raises DataError where the files are not those that were written."""
    about = _about(Path(folder, ABOUT))
    files = [Path(folder, RATINGS, part).absolute() for part in about.parts]
    rows = sum(_rows(file) for file in files)
    if rows != about.rows or not rows:
        raise DataError(f"{folder}: holds {rows:,} ratings, not {about.rows:,}; {REMEDY}")
    ratings = spark.sparkContext.parallelize(files, len(files)).map(_load)
    return Dataset(
        path=folder,
        name=about.name,
        layout=f"processed {about.layout}",
        ratings=cache(ratings, Ratings),
        rows=rows,
        items=list(read_items(Path(folder, ITEMS))),
        simulated=about.simulated,
        feedback=about.feedback,
        findings=about.findings,
        keys=_read_keys(Path(folder, KEYS)) if about.keyed else None,
        timed=about.timed,
        facts=about.facts,
    )


def _read_keys(path: Path) -> CatalogueKeys:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return keys_of(arrays)
    except NOT_AN_ARRAY as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from error


def _about(path: Path) -> ProcessedAbout:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProcessedAbout)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from error


def _rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: cannot be read ({error}); {REMEDY}") from error


def _load(file: Path) -> Ratings:
    table = pq.read_table(file)
    return Ratings(*(table[name].to_numpy() for name in COLUMNS))
