"""A folder of Parquet files that a job writes: complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from recommender.errors import ConfigError, DataError
from spark_jobs.filesystem import hadoop_path, is_address, reason_of
from spark_jobs.session import is_submitted

# What Spark writes into such a folder: nothing else is ever replaced.
WRITTEN = ("part-", ".part-", "_SUCCESS", "._SUCCESS")


class OutputFolder:
    """``place``: a folder of this machine, or one that Spark reaches. ``overwrite``: whether one of
    an earlier run is replaced. Raises ConfigError, before Spark starts, where the folder cannot be
    used; a folder of a cluster is checked by ``check``."""

    def __init__(self, place: str, overwrite: bool):
        self.place, self.overwrite = place.rstrip("/") or place, overwrite
        path = Path(place)
        if is_submitted() or is_address(place):
            return
        if path.exists():
            self._check_names(os.listdir(path) if path.is_dir() else [path.name])
        there = next(parent for parent in path.absolute().parents if parent.exists())
        if not os.access(there, os.W_OK):
            raise ConfigError(f"--out {place}: {there} cannot be written; give another folder")

    def check(self, spark: SparkSession) -> None:
        """Raise ConfigError or DataError where the folder cannot be used."""
        try:
            system, path = hadoop_path(spark, self.place)
            if system.exists(path):
                self._check_names(x.getPath().getName() for x in system.listStatus(path))
        except (PySparkException, Py4JJavaError) as error:
            raise self._unwritable(error) from error

    def write(self, frame: DataFrame) -> None:
        """Write beside the folder, then put the result in its place. Raises DataError."""
        unfinished = f"{self.place}.unfinished"
        try:
            system, path = hadoop_path(frame.sparkSession, self.place)
            _, written = hadoop_path(frame.sparkSession, unfinished)
            with ExitStack() as on_failure:
                on_failure.callback(_delete, system, written)
                frame.write.mode("overwrite").parquet(unfinished)
                self.check(frame.sparkSession)
                on_failure.pop_all()
            system.delete(path, True)
            if not system.rename(written, path):
                raise DataError(f"--out {self.place}: cannot be replaced; move {unfinished} there")
        except (PySparkException, Py4JJavaError) as error:
            raise self._unwritable(error) from error

    def _check_names(self, names: Iterable[str]) -> None:
        if not self.overwrite:
            raise ConfigError(
                f"--out {self.place}: exists; give a new folder, or --overwrite to replace it"
            )
        if others := sorted(name for name in names if not name.startswith(WRITTEN)):
            raise ConfigError(
                f"--out {self.place}: is not a folder that this job wrote (it holds {others[0]});"
                " give another one"
            )

    def _unwritable(self, error: Exception) -> DataError:
        reason = reason_of(error)
        return DataError(f"--out {self.place}: cannot be written ({reason}); give another folder")


def _delete(system: Any, path: Any) -> None:
    with suppress(Py4JError):
        system.delete(path, True)
