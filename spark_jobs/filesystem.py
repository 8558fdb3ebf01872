"""Files wherever Spark can read them: local folders, HDFS, S3."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from recommender.errors import ConfigError, DataError

COPY_AGAIN = "copy the file here again"


def on_one_machine(context: SparkContext) -> bool:
    """Whether driver and workers share this machine's files."""
    return str(context.master).startswith("local")


def is_address(place: str) -> bool:
    """Whether a place is an address such as s3://bucket/folder or file:/folder."""
    return re.match(r"[A-Za-z][\w+.-]*:", place) is not None


def join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def exactly(path: str) -> str:
    """Escape ``path`` for Spark's readers, to which brackets and stars are patterns."""
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", path)


def local_file(spark: SparkSession, path: str) -> Path | None:
    """Return the file if driver and workers can open it without Spark, else None."""
    there = on_one_machine(spark.sparkContext) and Path(path).is_file()
    return Path(path).absolute() if there else None


def check_out(name: str) -> Path:
    """Return the path to write figures to. Raises ConfigError unless it is a .json file in a
    writable folder."""
    out = Path(name)
    if out.suffix != ".json" or out.is_dir() or not os.access(out.parent, os.W_OK):
        raise ConfigError(
            f"--out: {name!r} must be a .json file in a folder that can be written to"
        )
    return out


def new_report(stem: str, now: datetime, suffixes: Sequence[str] = (".json", ".html")) -> Path:
    """Return a path for the report of one run, such as ``stem``-20261130-2045.json; a number
    follows if a file with one of the ``suffixes`` has that name. The first suffix is the path's."""
    dated = f"{stem}-{now:%Y%m%d-%H%M}"
    names = chain([dated], (f"{dated}-{n}" for n in count(2)))
    free = (x for x in names if not any(Path(x + suffix).exists() for suffix in suffixes))
    return Path(next(free) + suffixes[0])


def link_newest(file: Path, stem: str) -> Path:
    """Let ``stem``.html, or .json, beside ``file`` be a link to it, and return the link.

    A file of that name, which is not a link, is kept under the time of its last change.
    """
    link = file.with_name(stem + file.suffix)
    if link.exists() and not link.is_symlink():
        written = datetime.fromtimestamp(link.stat().st_mtime, UTC)
        link.rename(file.with_name(new_report(stem, written, [file.suffix]).name))
    unfinished = file.with_name(f".{link.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(file.name)
    return unfinished.replace(link)


def hadoop_path(spark: SparkSession, place: str) -> tuple[Any, Any]:
    """Return Hadoop's (file system, path) of a place. Raises Py4JJavaError.

    By private attributes, since PySpark has no public way to list, delete or rename (4.x and 3.5).
    """
    jvm: Any = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(place)
    return path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), path


def reason_of(error: Exception) -> str:
    """Return the first line of an error of Java or Spark."""
    return str(getattr(error, "java_exception", error)).splitlines()[0]


def list_folder(spark: SparkSession, folder: str) -> set[str]:
    """List the names in a folder. Raises DataError if it is missing, empty or unreachable."""
    try:
        system, path = hadoop_path(spark, folder)
        if not system.exists(path):
            raise DataError(f"{folder}: no such folder; give one that holds a ratings data set")
        names = {status.getPath().getName() for status in system.listStatus(path)}
    except (Py4JJavaError, PySparkException) as error:
        raise DataError(
            f"{folder!r}: Spark cannot open it ({reason_of(error)});"
            " give a folder that holds a ratings data set"
        ) from error
    if not names:
        raise DataError(f"{folder}: is empty; give a folder that holds a ratings data set")
    return names


def read_bytes(spark: SparkSession, path: str, may_be_empty: bool = False) -> bytes:
    """Read a small file. Raises DataError if it is empty and may not be."""
    if local := local_file(spark, path):
        content = local.read_bytes()
    else:
        row = spark.read.format("binaryFile").load(exactly(path)).select("content").first()
        content = bytes(row[0]) if row else b""
    if not content.strip() and not may_be_empty:
        raise DataError(f"{path}: is empty; {COPY_AGAIN}")
    return content


def read_text(spark: SparkSession, path: str, *encodings: str) -> str:
    """Read a small file as text in the first of ``encodings`` that fits.

    Raises DataError for an empty file, and naming the line if none fits.
    """
    content = read_bytes(spark, path)
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
    names = " or ".join(encoding.removesuffix("-sig") for encoding in encodings)
    raise DataError(f"{path}, line {line}: not {names} text; convert the file")
