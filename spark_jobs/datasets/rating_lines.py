"""Reads lines of ratings: four numbers at known places among fields with a separator.

Arrow's CSV reader parses them, a piece of the file at a time. On one machine the workers open the
file themselves; on a cluster, and after an error, Spark reads the lines. What Arrow cannot read is
parsed line by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import RDD
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recommender.errors import DataError
from recommender.feedback import EXPLICIT, SCALES
from recommender.formats.movielens import RatingsLayout, format_of
from recommender.formats.rating_format import SAMPLE, RatingsFormat, bad_file
from spark_jobs.array_cache import CachedArrays, cache
from spark_jobs.arrow import arrow_batches
from spark_jobs.datasets.findings import Findings
from spark_jobs.datasets.rating_parsers import (
    About,
    Parsed,
    arrow_types,
    parse_by_arrow,
    parse_by_line,
)
from spark_jobs.filesystem import COPY_AGAIN, exactly, local_file, read_text
from spark_jobs.ratings import Ratings

PIECE = 1 << 25  # bytes of a file that one task reads
MENDED = "ratings as another program wrote them"


class RatingsRead(NamedTuple):
    """``rows``: how many. ``findings``: what another program had changed and was mended."""

    ratings: CachedArrays[Ratings]
    rows: int
    findings: Findings


def read_ratings(
    spark: SparkSession,
    path: str,
    layout: RatingsLayout,
    may_be_none: bool = False,
    feedback: str = EXPLICIT,
) -> RatingsRead:
    """Read the ratings of a file in its order.

    Raises DataError naming line and remedy: for a file without ratings (unless it
    ``may_be_none``), a missing column, a malformed line, or a number out of range.
    """
    form = _format(spark, path, layout, feedback)
    for kept in _attempts(spark, path, form):
        parts = list(kept.map(lambda parsed: (len(parsed.users), parsed.about)))
        rows, found = sum(count for count, _ in parts), [about for _, about in parts]
        if any(about.rejected for about in found):
            kept.unpersist()
            continue
        starts = [0, *accumulate(about.lines for about in found)]
        error = _first_problem(path, found, starts)
        if not error and not rows and not may_be_none:
            error = DataError(f"{path}: holds no ratings; {COPY_AGAIN}")
        if error:
            kept.unpersist()
            raise error
        ratings = kept.view(lambda parsed: Ratings(*parsed[:4]))
        return RatingsRead(ratings, rows, _findings(form, found, starts, rows))
    raise AssertionError("line by line nothing is rejected")


def _format(spark: SparkSession, path: str, layout: RatingsLayout, feedback: str) -> RatingsFormat:
    scale = SCALES[feedback]
    if local := local_file(spark, path):
        if not local.stat().st_size:
            raise DataError(f"{path}: is empty; {COPY_AGAIN}")
        return format_of(local, layout, scale.low, scale.high)
    lines = _lines(spark, path)
    beginning = [row.value for row in lines.head(1 + SAMPLE)]
    if not beginning:
        raise DataError(f"{path}: is empty; {COPY_AGAIN}")
    form = layout.find_format(beginning, path, scale.low, scale.high)
    if not form.needs_day_order:
        return form
    possible = _texts(lines).map(lambda text: form.day_orders(text.split(b"\n"))).collect()
    return form.with_day_orders(frozenset.intersection(*possible))


def _lines(spark: SparkSession, path: str) -> DataFrame:
    lines = spark.read.text(exactly(path))
    first = lines.first()
    if first and "\0" in first.value:  # UTF-16, which Spark does not read
        text = read_text(spark, path, "utf-16")
        return spark.createDataFrame([(line,) for line in text.splitlines()], "value string")
    return lines


def _texts(lines: DataFrame) -> RDD[bytes]:
    batches = arrow_batches(lines, pa.schema([("value", pa.string())]))
    return batches.map(lambda batch: _joined(batch["value"]))


def _attempts(
    spark: SparkSession, path: str, form: RatingsFormat
) -> Iterator[CachedArrays[Parsed]]:
    """Yield the parsed file, read in one way after another: by Arrow, directly from the file if
    workers can open it, then from Spark; at last line by line."""
    if arrow_types(form):
        if pieces := _pieces(spark, path, form):
            yield cache(pieces.map(lambda text: parse_by_arrow(text, form)), Parsed)
        # Without blank lines, and headers of other files that were appended.
        kept = _lines(spark, path).where(F.trim("value") != "")
        if form.header:
            kept = kept.where(F.regexp_replace("value", "^\ufeff", "") != form.header)
        yield cache(_texts(kept).map(lambda text: parse_by_arrow(text, form)), Parsed)
    yield cache(_texts(_lines(spark, path)).map(lambda text: parse_by_line(text, form)), Parsed)


def _pieces(spark: SparkSession, path: str, form: RatingsFormat) -> RDD[bytes] | None:
    """Return the text below the header in pieces of whole lines, if workers can open the file."""
    if not (local := local_file(spark, path)):
        return None
    with local.open("rb") as file:
        if form.header:
            file.readline()
        size = local.stat().st_size
        bounds = list(pairwise([*range(file.tell(), size, PIECE), size]))
    if not bounds:
        return None
    pieces = spark.sparkContext.parallelize(bounds, len(bounds))
    return pieces.map(lambda bound: _piece(local, *bound))


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


def _first_problem(path: str, found: list[About], starts: list[int]) -> DataError | None:
    """Return the error for the first bad line. ``starts``: lines before each of ``found``."""
    for start, about in zip(starts, found, strict=False):
        if about.problem:
            problem = about.problem._replace(number=start + about.problem.number + 1)
            return bad_file(path, problem, sum(about.bad for about in found), starts[-1])
    return None


def _findings(form: RatingsFormat, found: list[About], starts: list[int], rows: int) -> Findings:
    """Count what was mended: every rating where Arrow read a file of another style."""
    differences = form.differences()
    mended = sum(about.mended for about in found)
    if not mended and not differences:
        return Findings()
    mended_lines = (s + a.first_mended + 1 for s, a in zip(starts, found, strict=False) if a.mended)
    first = next(mended_lines, 2 if form.header else 1)
    kind = f"{MENDED} ({'; '.join(differences)})" if differences else MENDED
    return Findings({kind: mended or rows}, {kind: [f"line {first}"]})
