"""Readers by data set: those of Marquee, and those that installed packages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from pyspark.sql import SparkSession

from recommender.errors import ConfigError, DataError
from recommender.keys import NO_KEYS, CatalogueKeys
from recommender.storage import s3
from spark_jobs.datasets import transfer
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue
from spark_jobs.datasets.catalogue_source.reader import read_catalogue
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import read_exported, read_movielens
from spark_jobs.datasets.processed import is_processed, read_processed
from spark_jobs.datasets.steam import read_steam
from spark_jobs.filesystem import on_one_machine
from spark_jobs.temporary_folders import temporary_folder

Reader = Callable[[SparkSession, str], Dataset]
READERS: dict[str, Reader] = {
    "movielens": read_movielens,
    "steam": read_steam,
}
# Entry points of packages that have a reader: a function as in READERS.
GROUP = "marquee.datasets"


def read_datasets(
    spark: SparkSession,
    kind: str,
    folders: Sequence[str],
    exported: Sequence[str] = (),
    own: OwnCatalogue | None = None,
    known: CatalogueKeys = NO_KEYS,
) -> list[Dataset]:
    """Read the data sets in ``folders``, of ``kind`` (see ``reader_names``) or processed, then the
    ratings that the site ``exported``. ``own``: the catalogue that is read where ``folders`` name
    its file, continuing the ``known`` keys. Raises DataError, StorageError, ConfigError."""

    def reader(folder: str) -> Reader:
        if is_processed(folder):
            return read_processed
        if own is None:
            return find_reader(kind)
        if folder == own.path:
            return lambda spark, _: read_catalogue(spark, own, known)
        raise DataError(f"{folder}: {own.path} says where the data is; leave the folder out")

    datasets = [
        replace(reader(reachable)(spark, reachable), path=folder)
        for folder, reachable in ((folder, _within_reach(spark, folder)) for folder in folders)
    ]
    feedback = datasets[0].feedback
    return datasets + [
        replace(read_exported(spark, _within_reach(spark, folder), feedback), path=folder)
        for folder in exported
    ]


def reader_names() -> tuple[str, ...]:
    """Return the names of all data sets that can be read."""
    return tuple(dict.fromkeys((*READERS, *(entry.name for entry in _others()))))


def find_reader(kind: str) -> Reader:
    """Return the reader of a data set. Raises ConfigError where there is none that works."""
    if kind in READERS:
        return READERS[kind]
    for entry in _others():
        if entry.name == kind:
            return _load(entry)
    raise ConfigError(
        f"dataset {kind!r}: there is no such reader; known are {', '.join(reader_names())}"
    )


def _others() -> Sequence[EntryPoint]:
    return tuple(entry_points(group=GROUP))


def _load(entry: EntryPoint) -> Reader:
    try:
        reader: Reader = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"dataset {entry.name!r}: its reader {entry.value} cannot be loaded ({error}); install"
            " its package again"
        ) from error
    return reader


def _within_reach(spark: SparkSession, folder: str) -> str:
    """Return a folder that Spark can read: itself, or on one machine a copy of one in S3, which
    Spark cannot read by itself. The copy lives as long as the process."""
    if not (s3.is_address(folder) and on_one_machine(spark.sparkContext)):
        return folder
    copy = temporary_folder() / folder.rstrip("/").rsplit("/", 1)[-1]
    # `make upload` leaves checksums; what the site exported is there with its ratings.
    checked = transfer.SUMS in s3.listing(folder)
    fetch = transfer.download if checked else s3.download_folder
    fetch(folder, copy)
    return str(copy)
