"""Convert ratings written in a test to the form that readers return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyspark.sql import SparkSession

from spark_jobs.als.packing import build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.array_cache import CachedArrays, cache
from spark_jobs.ratings import Ratings

# user, item, value, and optionally seconds since 1970.
Row = tuple[int, int, float] | tuple[int, int, float, int]


def ratings(spark: SparkSession, rows: Sequence[Row], parts: int = 2) -> CachedArrays[Ratings]:
    """Return ratings in ``parts`` parts, in the order of the rows."""
    pieces = [
        list(rows[len(rows) * n // parts : len(rows) * (n + 1) // parts]) for n in range(parts)
    ]
    made = spark.sparkContext.parallelize([arrays(piece) for piece in pieces], parts)
    return cache(made, Ratings)


def arrays(rows: Sequence[Row]) -> Ratings:
    return Ratings(
        users=np.array([row[0] for row in rows], np.int32),
        items=np.array([row[1] for row in rows], np.int32),
        values=np.array([row[2] for row in rows], np.float32),
        seconds=np.array([row[3] if len(row) > 3 else 0 for row in rows], np.int64),
    )


def packed(spark: SparkSession, rows: Sequence[Row]) -> BlockedRatings:
    return build_blocks(ratings(spark, rows))
