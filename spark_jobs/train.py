"""Fits both heads on every rating there is and publishes the result as a release.

    spark-submit --py-files dist/jobs.zip spark_jobs/train.py --data FOLDER --releases FOLDER

Exit status 0: a release was written and promoted. 2: bad input, nothing was promoted.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from recommender.errors import ConfigError, MarqueeError, NoRelease
from recommender.params import RatingParams
from recommender.release import ParitySample, Release
from recommender.release_store import ReleaseStore
from spark_jobs import als, config
from spark_jobs.als import Factors
from spark_jobs.blocks import Block, Packed
from spark_jobs.config import Config
from spark_jobs.datasets.movielens import read_movielens
from spark_jobs.datasets.obtain import obtain
from spark_jobs.heads import Fitter, Heads, fit_heads
from spark_jobs.progress import Progress
from spark_jobs.session import build_session
from spark_jobs.training_set import check_ranks, merge, tell

PARITY_USERS = 200
SOLVERS = ("als", "mllib")
STAGES = 7


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = config.load(options)
        store = ReleaseStore(options.releases)
        store.check_writable()
        starts = _starts(store, settings, options.solver) if options.warm_start else {}
        folders = options.data or [str(obtain(Path("data"), tell))]
        spark = build_session("marquee train")
        release = train(spark, folders, settings, store, options.solver, starts)
    except MarqueeError as error:
        tell(f"error: {error}")
        return 2
    facts = release.catalogue
    print(
        f"Release {release.version} is in service: {facts.ratings:,} ratings by {facts.users:,}"
        f" people, {facts.items:,} titles."
    )
    return 0


def train(
    spark: SparkSession,
    folders: Sequence[str],
    settings: Config,
    store: ReleaseStore,
    solver: str = SOLVERS[0],
    starts: Mapping[str, Factors] = MappingProxyType({}),
) -> Release:
    """Read ``folders``, fit, publish, promote. Raises MarqueeError with nothing promoted.

    ``starts``: item factors that a head starts from, by its name.
    """
    progress = Progress(STAGES)
    context = spark.sparkContext
    with progress.stage("reading and checking", context, len(folders)):
        datasets = [read_movielens(spark, folder) for folder in folders]
    with progress.stage("one rating for each pair", context, 6):
        training = merge(datasets, settings)
    check_ranks(training.catalogue, settings)
    stars = training.stars
    fitter = Fitter(progress, solver, settings.seed, starts)
    heads = fit_heads(stars, training.items, training.catalogue.name, settings, fitter)
    now = datetime.now(UTC)
    with progress.stage("writing the release", context):
        release = store.publish(
            Release(
                version=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
                created_at=now.isoformat(timespec="seconds"),
                catalogue=training.catalogue,
                ranking=settings.ranking,
                rating=settings.rating,
                mean_rating=heads.mean_rating,
                arrays=heads.arrays,
                inputs=[{"path": d.path, "layout": d.layout, "rows": d.rows} for d in datasets],
                seconds=progress.seconds,
            ),
            training.items,
            _parity_sample(stars, heads, settings.rating),
        )
    with progress.stage("verifying and promoting", context):
        store.promote(release.version)
    stars.unpersist()
    return release


def _starts(store: ReleaseStore, settings: Config, solver: str) -> dict[str, Factors]:
    """Item factors of the release in service, of those heads whose rank stays as it is."""
    if solver != "als":
        raise ConfigError("--warm-start needs --solver als")
    try:
        release = store.read(store.current().version)
    except NoRelease:
        tell("There is no release to start from; both heads start afresh.")
        return {}
    arrays, starts = release.arrays, {}
    learned = arrays.rating_factors[:, : release.rating.rank]
    heads = {
        "ranking": (arrays.ranking_factors, settings.ranking.rank),
        "rating": (learned, settings.rating.rank),
    }
    for head, (vectors, rank) in heads.items():
        if vectors.shape[1] == rank:
            starts[head] = Factors(arrays.item_ids, np.array(vectors))
        else:
            tell(
                f"the {head} head of rank {rank} starts afresh: the release in service has rank"
                f" {vectors.shape[1]}"
            )
    return starts


def _parity_sample(stars: Packed, heads: Heads, params: RatingParams) -> ParitySample:
    """Users spread evenly over the ids, with their ratings and the vectors that training found.

    The rating head's factors are complete only when both heads are fitted, and its people's vectors
    serve this check alone: so they are solved here, with the kernel of the fit, for these people.
    """
    every = max(1, len(stars.users.ids) // PARITY_USERS)
    wanted = np.arange(0, len(stars.users.ids), every)[:PARITY_USERS]

    def theirs(block: Block) -> list[tuple[Any, Any]]:
        ends = block.first_row + len(block.counts)
        rows = wanted[(wanted >= block.first_row) & (wanted < ends)] - block.first_row
        pieces = [slice(block.starts[row], block.starts[row + 1]) for row in rows]
        return [(block.columns[piece], block.values[piece]) for piece in pieces]

    found = stars.users.blocks.flatMap(theirs).collect()
    user_ids, arrays = stars.users.ids[wanted], heads.arrays
    starts = np.cumsum([0, *(len(columns) for columns, _ in found)])
    columns = np.concatenate([columns for columns, _ in found])
    ratings = np.concatenate([values for _, values in found]).astype(np.float32)
    user_bias = np.repeat(heads.user_bias[wanted], np.diff(starts))
    residuals = ratings - np.float32(heads.mean_rating) - user_bias - arrays.item_bias[columns]
    block = Block(0, starts, columns, residuals)
    return ParitySample(
        user_ids=user_ids,
        starts=starts,
        item_ids=stars.items.ids[columns],
        ratings=ratings,
        ranking_vectors=heads.ranking.of(user_ids),
        rating_vectors=als.solve_users(block, arrays.rating_factors, params),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py", description="Fit both heads and publish a release."
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="FOLDER",
        help="a MovieLens folder; give it again to add inputs, of which later ones win"
        " (default: MovieLens latest-small, or the built-in sample where there is no network)",
    )
    parser.add_argument(
        "--releases",
        default=os.environ.get("RELEASES", "releases"),
        metavar="FOLDER",
        help="where releases live (default: RELEASES, else ./releases)",
    )
    parser.add_argument(
        "--solver",
        choices=SOLVERS,
        default=SOLVERS[0],
        help="als: ours; mllib: Spark's own, for factors that no single machine holds"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="start from the factors of the release in service, where ranks agree, so that fewer"
        " iterations do",
    )
    config.add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
