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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from recommender.catalogue import Catalogue, Item
from recommender.errors import ConfigError, DataError, MarqueeError
from recommender.release import ItemArrays, ParitySample, Release
from recommender.release_store import ReleaseStore
from spark_jobs import als, config, mllib
from spark_jobs import ratings as steps
from spark_jobs.als import Factors, FittedFactors, Params
from spark_jobs.blocks import pack
from spark_jobs.config import Config
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import SCALE_MAX, SCALE_MIN, SCALE_STEP, read_movielens
from spark_jobs.datasets.obtain import obtain
from spark_jobs.progress import Progress
from spark_jobs.session import build_session

PARITY_USERS = 200
SOLVERS = ("als", "mllib")
STAGES = 8


@dataclass(frozen=True)
class TrainingSet:
    """Everything read, as one. ``ratings``: user_id, item_id, rating; one row a pair, cached."""

    ratings: DataFrame
    items: list[Item]
    catalogue: Catalogue
    mean_rating: float


@dataclass(frozen=True)
class ItemTable:
    """Statistics of each rated item; arrays of one row an item, ids ascending."""

    ids: np.ndarray
    counts: np.ndarray
    means: np.ndarray


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = config.load(options)
        store = ReleaseStore(options.releases)
        store.check_writable()
        folders = options.data or [str(obtain(Path("data"), _tell))]
        spark = build_session("marquee train")
        release = train(spark, folders, settings, store, options.solver)
    except MarqueeError as error:
        _tell(f"error: {error}")
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
) -> Release:
    """Read ``folders``, fit, publish, promote. Raises MarqueeError with nothing promoted."""
    progress = Progress(STAGES)
    context = spark.sparkContext
    with progress.stage("reading and checking", context, 4):
        datasets = [read_movielens(spark, folder) for folder in folders]
    with progress.stage("one rating for each pair", context, 4):
        training = _merge(datasets, settings)
    _check_ranks(training.catalogue, settings)
    with progress.stage("counts and averages", context, 3):
        table = _item_table(training.ratings)
    strengths, seed, titles = _strengths(training, settings), settings.seed, len(table.ids)
    ranking = _fit(progress, solver, "ranking", strengths, settings.ranking, seed, titles)
    with progress.stage("fitting biases", context, 8 * settings.rating.bias_sweeps):
        item_bias = steps.item_biases(
            training.ratings, training.mean_rating, settings.rating
        ).cache()
        biases = _column(item_bias, "item_id", "item_bias", table.ids)
    residuals = _residuals(training, item_bias, settings)
    rating = _fit(progress, solver, "rating", residuals, settings.rating, seed, titles)
    arrays = ItemArrays(
        item_ids=table.ids,
        ranking_factors=ranking.items.of(table.ids),
        rating_factors=rating.items.of(table.ids),
        item_bias=biases.astype(np.float32),
        item_counts=table.counts,
        item_means=table.means.astype(np.float32),
    )
    now = datetime.now(UTC)
    with progress.stage("writing the release", context):
        release = store.publish(
            Release(
                version=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
                created_at=now.isoformat(timespec="seconds"),
                catalogue=training.catalogue,
                ranking=settings.ranking,
                rating=settings.rating,
                mean_rating=training.mean_rating,
                arrays=arrays,
                inputs=[{"path": d.path, "layout": d.layout, "rows": d.rows} for d in datasets],
                seconds=progress.seconds,
            ),
            training.items,
            _parity_sample(training.ratings, ranking.users, rating.users),
        )
    with progress.stage("verifying and promoting", context):
        store.promote(release.version)
    item_bias.unpersist()
    training.ratings.unpersist()
    return release


def _merge(datasets: Sequence[Dataset], settings: Config) -> TrainingSet:
    """All inputs as one; the catalogue entry of the later input wins, as its ratings do."""
    items = {item.item_id: item for dataset in datasets for item in dataset.items}
    ids = datasets[0].ratings.sparkSession.createDataFrame([(i,) for i in items], "item_id int")
    every = steps.newest([dataset.ratings for dataset in datasets]).cache()
    ratings = every.join(F.broadcast(ids), "item_id").select("user_id", "item_id", "rating")
    ratings = ratings.cache()
    facts = ratings.agg(
        F.count("*").alias("ratings"),
        F.countDistinct("user_id").alias("users"),
        F.max("user_id").alias("max_user_id"),
        F.avg("rating").alias("mean"),
    ).first()
    assert facts is not None
    if not facts["ratings"]:
        raise DataError(
            f"{datasets[0].path}: no rating is of a title in the catalogue; check that its files"
            " belong together"
        )
    if without_title := every.count() - facts["ratings"]:
        _tell(f"{without_title:,} ratings of titles that no catalogue lists were left out.")
    every.unpersist()
    catalogue = Catalogue(
        name=" + ".join(dataset.name for dataset in datasets),
        noun=settings.noun,
        feedback="explicit",
        rating_min=SCALE_MIN,
        rating_max=SCALE_MAX,
        rating_step=SCALE_STEP,
        ratings=facts["ratings"],
        users=facts["users"],
        items=len(items),
        max_user_id=facts["max_user_id"],
        simulated=any(dataset.simulated for dataset in datasets),
    )
    return TrainingSet(ratings, [items[i] for i in sorted(items)], catalogue, facts["mean"])


def _check_ranks(catalogue: Catalogue, settings: Config) -> None:
    most = min(catalogue.users, catalogue.items)
    for head, params in (("ranking", settings.ranking), ("rating", settings.rating)):
        if params.rank > most:
            raise ConfigError(
                f"{catalogue.name}: rank {params.rank} of the {head} head is above its"
                f" {catalogue.users:,} people or {catalogue.items:,} titles; give"
                f" --{head}-rank {most} or less"
            )
    if settings.ranking.neutral >= SCALE_MAX:
        raise ConfigError(
            f"ranking: neutral must be below the best rating, {SCALE_MAX:g},"
            f" not {settings.ranking.neutral:g}"
        )


def _fit(
    progress: Progress,
    solver: str,
    head: str,
    frame: DataFrame,
    params: Params,
    seed: int,
    titles: int,
) -> FittedFactors:
    """Fit the last column of ``frame`` with the chosen solver, as one stage."""
    name, column = f"fitting the {head} head", frame.columns[-1]
    context = frame.sparkSession.sparkContext
    if solver == "mllib":
        with progress.stage(name, context, mllib.expected_stages(params)):
            return mllib.fit(frame, column, params, seed)
    with progress.stage(name, context, ticks=2 * params.iterations + 1) as tick:
        packed = pack(frame, column)
        tick()
        try:
            return als.fit(packed, params, seed, titles, tick)
        finally:
            packed.unpersist()


def _strengths(training: TrainingSet, settings: Config) -> DataFrame:
    """user_id, item_id, strength. Raises DataError where nothing is liked."""
    strengths = steps.with_strengths(training.ratings, settings.ranking, SCALE_MAX)
    if strengths.where("strength > 0").isEmpty():
        raise DataError(
            f"{training.catalogue.name}: no rating is above the neutral"
            f" {settings.ranking.neutral:g}; give a lower --ranking-neutral"
        )
    return strengths


def _residuals(training: TrainingSet, item_bias: DataFrame, settings: Config) -> DataFrame:
    """user_id, item_id, residual: what both biases leave over."""
    ratings, mean = training.ratings, training.mean_rating
    user_bias = steps.user_biases(ratings, item_bias, mean, settings.rating)
    return steps.residuals(ratings, item_bias, user_bias, mean)


def _item_table(ratings: DataFrame) -> ItemTable:
    table = steps.item_statistics(ratings).orderBy("item_id").toArrow()
    return ItemTable(
        ids=table["item_id"].to_numpy().astype(np.int64),
        counts=table["count"].to_numpy(),
        means=table["mean"].to_numpy(),
    )


def _column(frame: DataFrame, key: str, value: str, ids: np.ndarray) -> np.ndarray:
    """``value`` of each of ``ids``, all of which the frame must have."""
    table = frame.select(key, value).orderBy(key).toArrow()
    found = np.searchsorted(table[key].to_numpy(), ids)
    return np.asarray(table[value].to_numpy()[found])


def _parity_sample(ratings: DataFrame, ranking: Factors, rating: Factors) -> ParitySample:
    """Users spread evenly over the ids, with their ratings and the vectors that training found."""
    every = max(1, len(rating.ids) // PARITY_USERS)
    user_ids = rating.ids[::every][:PARITY_USERS]
    wanted = ratings.where(F.col("user_id").isin(user_ids.tolist()))
    table = wanted.orderBy("user_id", "item_id").toArrow()
    starts = np.searchsorted(table["user_id"].to_numpy(), user_ids)
    return ParitySample(
        user_ids=user_ids,
        starts=np.append(starts, table.num_rows),
        item_ids=table["item_id"].to_numpy().astype(np.int64),
        ratings=table["rating"].to_numpy().astype(np.float32),
        ranking_vectors=ranking.of(user_ids),
        rating_vectors=rating.of(user_ids),
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
    config.add_options(parser)
    return parser


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
