"""Readers by data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyspark.sql import SparkSession

from recommender.storage import s3
from spark_jobs.datasets import transfer
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import read_exported, read_movielens
from spark_jobs.datasets.processed import is_processed, read_processed
from spark_jobs.datasets.steam import read_steam
from spark_jobs.filesystem import on_one_machine
from spark_jobs.temporary_folders import temporary_folder

READERS: dict[str, Callable[[SparkSession, str], Dataset]] = {
    "movielens": read_movielens,
    "steam": read_steam,
}


def read_datasets(
    spark: SparkSession, kind: str, folders: Sequence[str], exported: Sequence[str] = ()
) -> list[Dataset]:
    """Read the data sets in ``folders``, of ``kind`` (see ``READERS``) or processed, then the
    ratings that the site ``exported``. Raises DataError, StorageError."""
    datasets = [
        replace(_reader(reachable, kind)(spark, reachable), path=folder)
        for folder, reachable in ((folder, _within_reach(spark, folder)) for folder in folders)
    ]
    feedback = datasets[0].feedback
    return datasets + [
        replace(read_exported(spark, _within_reach(spark, folder), feedback), path=folder)
        for folder in exported
    ]


def _reader(folder: str, kind: str) -> Callable[[SparkSession, str], Dataset]:
    return read_processed if is_processed(folder) else READERS[kind]


def _within_reach(spark: SparkSession, folder: str) -> str:
    """Return a folder that Spark can read: itself, or on one machine a copy of one in S3, which
    Spark cannot read by itself. The copy lives as long as the process."""
    if not (s3.is_address(folder) and on_one_machine(spark.sparkContext)):
        return folder
    copy = temporary_folder() / folder.rstrip("/").rsplit("/", 1)[-1]
    # `make upload` leaves checksums; what the site exported is a single file, there whole or not.
    checked = transfer.SUMS in s3.listing(folder)
    fetch = transfer.download if checked else s3.download_folder
    fetch(folder, copy)
    return str(copy)
