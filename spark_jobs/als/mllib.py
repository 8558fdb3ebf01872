"""Spark MLlib's ALS: for factors too large for one machine, and as the reference in tests."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recommender.errors import ConfigError
from recommender.params import RankingParams
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.als.solver import Factors, FittedFactors, Params
from spark_jobs.arrow import arrow_batches
from spark_jobs.temporary_folders import temporary_folder

# Fixed, because the seed gives other factors with another number of blocks.
BLOCKS = 4


def frame(ratings: BlockedRatings) -> DataFrame:
    """Convert blocks to the rows that MLlib takes: user_id, item_id, value."""
    user_ids, item_ids = ratings.users.ids, ratings.items.ids
    ids = ratings.users.blocks.context.broadcast((user_ids, item_ids))

    def to_rows(block: Block) -> Iterable[tuple[int, int, float]]:
        user_ids, item_ids = ids.value
        users, items = user_ids[block.rows], item_ids[block.columns]
        return zip(users.tolist(), items.tolist(), block.values.tolist(), strict=True)

    rows = ratings.users.blocks.rows.flatMap(to_rows)
    session = SparkSession.active()
    return session.createDataFrame(
        rows, "user_id int, item_id int, value float", verifySchema=False
    )


def fit(frame: DataFrame, params: Params, seed: int) -> FittedFactors:
    """Fit user_id, item_id and value: signed preferences for ranking parameters, residuals for
    rating parameters. Raises ConfigError for a regularization that MLlib does not support."""
    if params.regularization_exponent != 1 or params.catalogue_share != 0:
        raise ConfigError(
            "MLlib scales regularization by the number of ratings alone: leave"
            " regularization_exponent at 1 and catalogue_share at 0, or use --solver als"
        )
    context = frame.sparkSession.sparkContext
    if context.getCheckpointDir() is None and str(context.master).startswith("local"):
        context.setCheckpointDir(str(temporary_folder()))
    als = ALS(userCol="user_id", itemCol="item_id", ratingCol="value", seed=seed)
    # Without cutting the chain of iterations, a long fit overflows Java's stack.
    als = als.setCheckpointInterval(5)
    als = als.setRank(params.rank).setMaxIter(params.iterations).setRegParam(params.regularization)
    als = als.setNumBlocks(BLOCKS)
    if isinstance(params, RankingParams):
        als = als.setImplicitPrefs(True).setAlpha(params.alpha)
        frame = _with_something_liked(frame)
    # MLlib first asks for one row, and would drop the worker that has begun to send them all.
    frame = frame.persist(StorageLevel.DISK_ONLY)
    model = als.fit(frame)
    fitted = FittedFactors(_collect(model.userFactors), _collect(model.itemFactors))
    frame.unpersist()
    return fitted


def expected_stages(params: Params) -> int:
    """Estimate the number of Spark stages of a fit, for a progress bar."""
    return 2 * params.iterations + 6


def _with_something_liked(frame: DataFrame) -> DataFrame:
    """Leave out people and titles without a positive preference.

    Their vectors are zeros anyway, but MLlib would stop at their singular systems.
    """
    liked = frame.where(F.col("value") > 0)
    people, titles = liked.select("user_id").distinct(), liked.select("item_id").distinct()
    return frame.join(people, "user_id", "left_semi").join(titles, "item_id", "left_semi")


def _collect(factors: DataFrame) -> Factors:
    schema = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
    table = pa.Table.from_batches(arrow_batches(factors, schema).collect(), schema)
    ids = table["id"].to_numpy().astype(np.int64)
    flat = table["features"].combine_chunks().flatten().to_numpy()
    order = np.argsort(ids)
    return Factors(ids[order], flat.reshape(len(ids), -1)[order].astype(np.float32, copy=False))
