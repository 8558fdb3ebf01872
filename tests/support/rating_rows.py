"""Convert ratings written in a test to the form that readers return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyspark import RDD
from pyspark.sql import SparkSession

from spark_jobs.als.rating_blocks import BlockedRatings, build_blocks
from spark_jobs.ratings import Ratings

# user, item, value, and optionally seconds since 1970.
Row = tuple[int, int, float] | tuple[int, int, float, int]


def ratings(spark: SparkSession, rows: Sequence[Row], parts: int = 2) -> RDD[Ratings]:
    """Return ratings in ``parts`` partitions, in the order of the rows."""
    pieces = [
        list(rows[len(rows) * n // parts : len(rows) * (n + 1) // parts]) for n in range(parts)
    ]
    return spark.sparkContext.parallelize([arrays(piece) for piece in pieces], parts)


def arrays(rows: Sequence[Row]) -> Ratings:
    return Ratings(
        users=np.array([row[0] for row in rows], np.int32),
        items=np.array([row[1] for row in rows], np.int32),
        values=np.array([row[2] for row in rows], np.float32),
        seconds=np.array([row[3] if len(row) > 3 else 0 for row in rows], np.int64),
    )


def packed(spark: SparkSession, rows: Sequence[Row]) -> BlockedRatings:
    return build_blocks(ratings(spark, rows))
