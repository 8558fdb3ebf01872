"""Reads lines of ratings: four numbers at known places among fields with a separator.

Arrow's CSV reader parses them, a piece of the file at a time. On one machine the workers open the
file themselves. On a cluster, and after an error, Spark reads the lines: its expressions can name
the first bad one and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyspark import RDD
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.feedback import EXPLICIT, SCALES, Scale
from recommender.formats.movielens import COLUMNS, LAST_SECOND, REMEDY, RatingsLayout, columns_of
from spark_jobs.array_cache import CachedArrays, cache
from spark_jobs.arrow import arrow_batches
from spark_jobs.filesystem import exactly, local_file
from spark_jobs.ratings import Ratings

ARROW_TYPES = (pa.int32(), pa.int32(), pa.float32(), pa.int64())
NOTHING = Ratings(*(np.empty(0, kind.to_pandas_dtype()) for kind in ARROW_TYPES))
PIECE = 1 << 25  # bytes of a file that one task reads


@dataclass(frozen=True)
class Format:
    """``positions`` of the four columns among the ``width`` fields of a line. ``header``: a first
    line that names them. ``scale``: of the ratings."""

    separator: str
    positions: list[int]
    width: int
    header: str | None
    scale: Scale


class Parsed(NamedTuple):
    """The ratings of some lines, as in Ratings, or the first error in them."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]
    complaint: str | None = None


def read_ratings(
    spark: SparkSession,
    path: str,
    layout: RatingsLayout,
    may_be_none: bool = False,
    feedback: str = EXPLICIT,
) -> tuple[CachedArrays[Ratings], int]:
    """Read the ratings of a file in its order; return them and their number.

    Raises DataError naming line and remedy: for a file without ratings (unless it
    ``may_be_none``), a missing column, a malformed line, or a number out of range.
    """
    form = _format(_first_line(spark, path), path, layout, SCALES[feedback])
    complaint = None
    for texts in _sources(spark, path, form):
        kept = cache(texts.map(lambda text: _parse(text, form)), Parsed)
        found = list(kept.map(lambda some: (len(some.users), some.complaint)))
        rows = sum(count for count, _ in found)
        complaint = next((said for _, said in found if said), None)
        if (rows or may_be_none) and not complaint:
            return kept.view(lambda some: Ratings(*some[:4])), rows
        kept.unpersist()
    if complaint:
        place = _first_problem(_lines(spark, path), path, form)
        raise place or DataError(f"{path}: {complaint}; {REMEDY}")
    raise DataError(f"{path}: holds no ratings; unpack the data set again")


def _format(first_line: str, path: str, layout: RatingsLayout, scale: Scale) -> Format:
    separator = layout.separator
    if not layout.header:
        return Format(separator, list(range(len(COLUMNS))), len(COLUMNS), None, scale)
    positions, width = columns_of(first_line, path, layout)
    return Format(separator, positions, width, first_line, scale)


def _lines(spark: SparkSession, path: str) -> DataFrame:
    return spark.read.text(exactly(path))


def _first_line(spark: SparkSession, path: str) -> str:
    if local := local_file(spark, path):
        with local.open(encoding="utf-8-sig", errors="replace") as file:
            line = file.readline()
    else:
        first = _lines(spark, path).first()
        line = f"{first.value}\n" if first else ""
    if not line:
        raise DataError(f"{path}: is empty; unpack the data set again")
    return line.rstrip("\n")


def _sources(spark: SparkSession, path: str, form: Format) -> Iterator[RDD[bytes]]:
    """Yield the text below the header in pieces of whole lines: directly from the file if workers
    can open it, then from Spark, which omits blank lines."""
    if local := local_file(spark, path):
        with local.open("rb") as file:
            if form.header is not None:
                file.readline()
            size = local.stat().st_size
            bounds = list(pairwise([*range(file.tell(), size, PIECE), size]))
        if bounds:
            pieces = spark.sparkContext.parallelize(bounds, len(bounds))
            yield pieces.map(lambda bound: _piece(local, *bound))
    kept = _lines(spark, path).where(F.trim("value") != "")
    if form.header is not None:
        kept = kept.where(F.col("value") != form.header)
    batches = arrow_batches(kept, pa.schema([("value", pa.string())]))
    yield batches.map(lambda batch: _joined(batch["value"]))


def _piece(path: Path, start: int, stop: int) -> bytes:
    """Return the lines of a file that begin at bytes ``start`` to ``stop``."""
    with path.open("rb") as file:
        file.seek(start - 1 if start else 0)
        if start:
            file.readline()
        begin = file.tell()
        text = file.read(max(0, stop - begin))
        return text if not text or text.endswith(b"\n") else text + file.readline()


def _joined(lines: pa.Array) -> bytes:
    together = pa.ListArray.from_arrays([0, len(lines)], lines)
    return bytes(pc.binary_join(together, "\n")[0].as_buffer())


def _parse(text: bytes, form: Format) -> Parsed:
    separator = form.separator
    if len(separator) > 1:
        text, separator = text.replace(separator.encode(), b"\t"), "\t"
    if not text.strip():
        return Parsed(*NOTHING)
    if b"x" in text:
        return Parsed(*NOTHING, "a number in hexadecimal")  # which Arrow would take
    names = [str(n) for n in range(form.width)]
    kinds = {names[p]: kind for p, kind in zip(form.positions, ARROW_TYPES, strict=True)}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=1 << 24),
            arrow_csv.ParseOptions(delimiter=separator, quote_char=False),
            arrow_csv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        return Parsed(*NOTHING, str(error))
    if any(table[name].null_count for name in kinds):
        return Parsed(*NOTHING, "a field is empty")
    some = Ratings(*(table[name].to_numpy() for name in kinds))
    on_scale = (some.values >= form.scale.low) & (some.values <= form.scale.high)
    in_time = (some.seconds >= 0) & (some.seconds <= LAST_SECOND)
    possible = (some.users >= 0) & (some.items >= 0) & on_scale & in_time
    return Parsed(*some) if possible.all() else Parsed(*NOTHING, "a number is out of range")


def _problem(form: Format) -> Column:
    """Return the error in a line (column ``fields``), null if there is none."""
    user, item, rating, seconds = (f"trim(get(fields, {place}))" for place in form.positions)
    stars, at = _tried(rating, "double"), _tried(seconds, "long")
    return (
        F.when(F.size("fields") != form.width, F.lit(f"not {form.width} fields"))
        .when(~_is_id(user), F.lit(f"the user id is not a whole number from 0 to {LARGEST_ID}"))
        .when(~_is_id(item), F.lit(f"the title id is not a whole number from 0 to {LARGEST_ID}"))
        .when(
            # Java takes "4f" and "4d" for numbers.
            stars.isNull() | F.isnan(stars) | F.expr(rating).rlike("[dDfF]$"),
            F.lit("the rating is not a number"),
        )
        .when(
            ~stars.between(form.scale.low, form.scale.high),
            F.lit(f"the rating is off the scale of {form.scale.low:g} to {form.scale.high:g}"),
        )
        .when(
            ~F.coalesce(at.between(0, LAST_SECOND), F.lit(False)),
            F.lit("the timestamp is not whole seconds since 1970"),
        )
    )


def _is_id(field: str) -> Column:
    return F.coalesce(_tried(field, "int") >= 0, F.lit(False))


def _tried(field: str, kind: str) -> Column:
    """Cast the SQL expression ``field`` to a number, null if it is none: Spark 3.5 has no other
    way."""
    return F.expr(f"try_cast({field} as {kind})")


def _first_problem(lines: DataFrame, path: str, form: Format) -> DataError | None:
    """Return the error for the first bad line, reading the file again with line numbers."""
    # The id holds the partition, in the order of the file, and the line's place in it.
    numbered = lines.withColumn("at", F.monotonically_increasing_id())
    kept = (F.trim("value") != "") & (F.col("value") != F.lit(form.header or ""))
    split = numbered.where(kept).withColumn("fields", F.split("value", form.separator))
    judged = split.select("value", "at", _problem(form).alias("problem"))
    bad = judged.where("problem is not null").orderBy("at").first()
    if bad is None:
        return None
    partition, place = divmod(bad["at"], 1 << 33)
    line = lines.where(F.spark_partition_id() < partition).count() + place + 1
    shown = bad["value"] if len(bad["value"]) <= 80 else bad["value"][:77] + "..."
    return DataError(f"{path}, line {line}: {bad['problem']} ({shown!r}); {REMEDY}")
