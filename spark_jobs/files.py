"""Files wherever Spark can read them: local folders, HDFS, S3."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from recommender.errors import DataError


def join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def list_folder(spark: SparkSession, folder: str) -> set[str]:
    """The names in a folder. Raises DataError where it is absent or empty."""
    jvm: Any = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(folder)
    system = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    if not system.exists(path):
        raise DataError(f"{folder}: no such folder; give one that holds a ratings data set")
    names = {status.getPath().getName() for status in system.listStatus(path)}
    if not names:
        raise DataError(f"{folder}: is empty; give a folder that holds a ratings data set")
    return names


def read_text(spark: SparkSession, path: str, *encodings: str) -> str:
    """A small file as text in the first of ``encodings`` that fits.

    Raises DataError, naming the line, where none does.
    """
    row = spark.read.format("binaryFile").load(path).select("content").first()
    assert row is not None
    content = bytes(row[0])
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
    raise DataError(f"{path}, line {line}: not {' or '.join(encodings)} text; convert the file")
