"""Reads Parquet files of this machine in Spark's workers, without a way through Java.

Texts stay numbers of a dictionary, as they are in the files, which takes a quarter of the time.
Only plain types are read so, and what Spark would read otherwise is left to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import RDD
from pyspark.sql import DataFrame

from spark_jobs.datasets.catalogue_source.columns import RATINGS_SCHEMA
from spark_jobs.datasets.catalogue_source.description import RatingColumns, RatingTable
from spark_jobs.filesystem import on_one_machine

ROWS_A_BATCH = 1_000_000
MOST_PARTS = 256
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class Group(NamedTuple):
    """A row group of a file."""

    file: str
    number: int


def local_batches(frame: DataFrame, table: RatingTable) -> RDD[pa.RecordBatch] | None:
    """Return the ratings of a table with the columns of RATINGS_SCHEMA; None where Spark has to
    read it. ``frame``: the table as Spark opened it."""
    context = frame.sparkSession.sparkContext
    if table.kind != "parquet" or table.options or not on_one_machine(context):
        return None
    files = [unquote(urlsplit(address).path) for address in frame.inputFiles()]
    if not files or not all(Path(file).is_file() for file in files):
        return None
    try:
        opened = [pq.ParquetFile(file) for file in sorted(files)]
    except (pa.ArrowInvalid, OSError):  # Spark's message is as good
        return None
    if not all(_is_plain(file.schema_arrow, table) for file in opened):
        return None
    counts = (file.metadata.num_row_groups for file in opened)
    named = zip(sorted(files), counts, strict=True)
    groups = [Group(file, number) for file, count in named for number in range(count)]
    columns = table.columns

    def read(some: Iterable[Group]) -> Iterator[pa.RecordBatch]:
        return (batch for group in some for batch in _read(group, columns))

    parts = min(max(1, len(groups)), MOST_PARTS)
    return context.parallelize(groups, parts).mapPartitions(read)


def _is_plain(schema: pa.Schema, table: RatingTable) -> bool:
    """Whether every column is in the file, of a type that Arrow and Spark convert alike."""
    columns = table.columns
    if any(schema.get_field_index(name) < 0 for name in _named(columns)):
        return False
    keys = [schema.field(name).type for name in (columns.user, columns.item)]
    if not all(_is_text(kind) or pa.types.is_signed_integer(kind) for kind in keys):
        return False
    if columns.value and not _is_number(schema.field(columns.value).type):
        return False
    if not columns.time:
        return True
    time = schema.field(columns.time).type
    in_utc = pa.types.is_timestamp(time) and (time.tz is not None or table.timezone == "UTC")
    return in_utc or pa.types.is_signed_integer(time)


def _named(columns: RatingColumns) -> list[str]:
    names = (columns.user, columns.item, columns.value, columns.time)
    return [name for name in names if name]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_signed_integer(kind) or kind in (pa.float32(), pa.float64())


def _read(group: Group, columns: RatingColumns) -> Iterator[pa.RecordBatch]:
    texts = list(dict.fromkeys((columns.user, columns.item)))
    file = pq.ParquetFile(group.file, read_dictionary=texts)
    names = list(dict.fromkeys(_named(columns)))
    for batch in file.iter_batches(ROWS_A_BATCH, row_groups=[group.number], columns=names):
        yield _converted(batch, columns)


def _converted(batch: pa.RecordBatch, columns: RatingColumns) -> pa.RecordBatch:
    rows, nothing = len(batch), pa.nulls(len(batch), pa.string())
    value = batch[columns.value].cast(pa.float64()) if columns.value else _same(1.0, rows)
    seconds = _seconds(batch[columns.time]) if columns.time else _same(0, rows)
    keys = (_encoded(batch[name]) for name in (columns.user, columns.item))
    return pa.record_batch([*keys, value, seconds, nothing, nothing], names=RATINGS_SCHEMA.names)


def _same(value: float, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows)


def _encoded(keys: pa.Array) -> pa.Array:
    """Return keys as numbers of a dictionary of texts without nulls."""
    if not pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_encode()
    elif keys.dictionary.null_count:
        keys = keys.dictionary_decode().dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        keys.indices.cast(pa.int32()), keys.dictionary.cast(pa.string())
    )


def _seconds(times: pa.Array) -> pa.Array:
    """Return whole seconds since 1970, earlier ones for those between two, as Spark does."""
    numbers = times.cast(pa.int64())
    if not pa.types.is_timestamp(times.type):
        return numbers
    whole = pc.divide(numbers, UNITS[times.type.unit])  # towards 0
    early = pc.less(numbers, pc.multiply(whole, UNITS[times.type.unit]))
    return pc.if_else(early, pc.subtract(whole, 1), whole)
