"""Fit with our solver or another library in its own process; print seconds and NDCG as JSON.

    python -m benchmarks.peers NAME WARM_UP.parquet TRAIN.parquet TEST.parquet

All fit the same implicit objective (signed preferences, rank 64, 10 iterations) on ratings that are
already in memory in their input format, after a warm-up on smaller data. Ours includes building
blocks, as Spark's does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks import data
from recommender.fold_in import preference
from recommender.params import RankingParams

if TYPE_CHECKING:
    from spark_jobs.als.solver import Factors

BEST = 5.0
# The best of 0.1, 0.3, 1 and 3 on the generated ratings, for Spark's ALS and for ours.
PARAMS = RankingParams(rank=64, iterations=10, regularization=0.3, alpha=5.0)
# implicit does not scale regularization by the number of ratings; this is its best of 1 to 1000.
UNSCALED = replace(PARAMS, regularization=200.0, regularization_exponent=0.0)
CG_STEPS = 3  # its default

Vectors = NDArray[np.float32]
Fit = Callable[[Path, RankingParams], tuple[float, Vectors, Vectors]]


def ours(path: Path, params: RankingParams) -> tuple[float, Vectors, Vectors]:
    import pyarrow as pa

    from spark_jobs.als import solver
    from spark_jobs.als.packing import build_blocks
    from spark_jobs.array_cache import cache
    from spark_jobs.arrow import arrow_batches
    from spark_jobs.ratings import Ratings as Arrays
    from spark_jobs.session import build_session

    frame = build_session("benchmark").read.parquet(str(path))
    frame = frame.selectExpr("user_id", "item_id", "stars", "bigint(0) AS seconds")
    schema = pa.schema(
        [("u", pa.int32()), ("i", pa.int32()), ("s", pa.float32()), ("t", pa.int64())]
    )
    batches = arrow_batches(frame, schema).map(
        lambda batch: Arrays(*(column.to_numpy() for column in batch.columns))
    )
    ratings = cache(batches, Arrays)
    started = time.perf_counter()
    blocked = build_blocks(ratings)
    preferences = blocked.map_values(lambda _u, _i, stars: preference(stars, params.neutral, BEST))
    fitted = solver.fit(preferences, params, seed=1)
    seconds = time.perf_counter() - started
    preferences.unpersist()
    blocked.unpersist()
    ratings.unpersist()
    return seconds, _by_row(fitted.users), _by_row(fitted.items)


def mllib(path: Path, params: RankingParams) -> tuple[float, Vectors, Vectors]:
    from spark_jobs.als import mllib as solver
    from spark_jobs.session import build_session

    frame = build_session("benchmark").read.parquet(str(path))
    value = preference(frame["stars"], params.neutral, BEST)
    frame = frame.select("user_id", "item_id", value.alias("value")).where("value != 0").cache()
    frame.count()
    started = time.perf_counter()
    fitted = solver.fit(frame, params, seed=1)
    seconds = time.perf_counter() - started
    frame.unpersist()
    return seconds, _by_row(fitted.users), _by_row(fitted.items)


def implicit(path: Path, params: RankingParams) -> tuple[float, Vectors, Vectors]:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    ratings = data.read(path)
    preferences = preference(ratings.stars, params.neutral, BEST)
    # Its input is confidences; a negative one is a dislike.
    values = np.sign(preferences) + params.alpha * preferences
    matrix = csr_matrix((values.astype(np.float32), (ratings.users, ratings.items)))
    model = AlternatingLeastSquares(
        factors=params.rank,
        regularization=params.regularization,
        iterations=params.iterations,
        num_threads=os.cpu_count(),
        random_state=1,
        use_cg=True,
    )
    model.cg_steps = CG_STEPS
    started = time.perf_counter()
    model.fit(matrix, show_progress=False)
    return time.perf_counter() - started, model.user_factors, model.item_factors


FITS: dict[str, tuple[Fit, RankingParams]] = {
    "ours": (ours, PARAMS),
    "mllib": (mllib, PARAMS),
    "ours unscaled": (ours, UNSCALED),
    "implicit": (implicit, UNSCALED),
}


def _by_row(factors: Factors) -> Vectors:
    """Return factors by row of the ratings, zeros for rows that were not fitted."""
    return factors.vectors_of(np.arange(factors.ids[-1] + 1))


def main() -> None:
    name = sys.argv[1]
    warm_up, train, test = map(Path, sys.argv[2:])
    fit, params = FITS[name]
    fit(warm_up, replace(params, iterations=2))
    seconds, users, items = fit(train, params)
    parts = data.Split(data.read(train), data.read(test))
    print(json.dumps({"seconds": seconds, "ndcg": data.ndcg(parts, users, items)}))


if __name__ == "__main__":
    main()
