"""Every data set there is a reader for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession

from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import read_exported, read_movielens
from spark_jobs.datasets.processed import is_processed, read_processed
from spark_jobs.datasets.steam import read_steam

READERS: dict[str, Callable[[SparkSession, str], Dataset]] = {
    "movielens": read_movielens,
    "steam": read_steam,
}


def read_datasets(
    spark: SparkSession, kind: str, folders: Sequence[str], exported: Sequence[str] = ()
) -> list[Dataset]:
    """The data sets in ``folders``, of the ``kind`` that ``READERS`` names or processed, then what
    the site ``exported``. Raises DataError."""
    readers = (read_processed if is_processed(folder) else READERS[kind] for folder in folders)
    datasets = [read(spark, folder) for read, folder in zip(readers, folders, strict=True)]
    feedback = datasets[0].feedback
    return datasets + [read_exported(spark, folder, feedback) for folder in exported]
