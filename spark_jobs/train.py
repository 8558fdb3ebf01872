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
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from recommender.catalogue import Catalogue, Item
from recommender.errors import ConfigError, DataError, MarqueeError, NoRelease
from recommender.fold_in import strength
from recommender.release import ItemArrays, ParitySample, Release
from recommender.release_store import ReleaseStore
from spark_jobs import als, config, mllib
from spark_jobs.als import Factors, FittedFactors, Params
from spark_jobs.biases import fit_biases, residuals, row_sums
from spark_jobs.blocks import Block, NothingToPack, Packed, pack
from spark_jobs.config import Config
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.movielens import (
    SCALE_MAX,
    SCALE_MIN,
    SCALE_STEP,
    read_exported,
    read_movielens,
)
from spark_jobs.datasets.obtain import obtain
from spark_jobs.progress import Progress
from spark_jobs.session import build_session

PARITY_USERS = 200
SOLVERS = ("als", "mllib")
STAGES = 7


@dataclass(frozen=True)
class TrainingSet:
    """Everything read, as one. ``stars``: one rating a pair, of items in the catalogue."""

    stars: Packed
    items: list[Item]
    catalogue: Catalogue
    item_means: NDArray[np.float64]
    mean_rating: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = config.load(options)
        store = ReleaseStore(options.releases)
        store.check_writable()
        starts = _starts(store, settings, options.solver) if options.warm_start else {}
        folders = options.data or [str(obtain(Path("data"), _tell))]
        spark = build_session("marquee train")
        release = train(spark, folders, settings, store, options.solver, starts, options.ratings)
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
    starts: Mapping[str, Factors] = MappingProxyType({}),
    exported: Sequence[str] = (),
) -> Release:
    """Read ``folders``, fit, publish, promote. Raises MarqueeError with nothing promoted.

    ``starts``: item factors that a head starts from, by its name. ``exported``: folders of ratings
    given on the site.
    """
    progress = Progress(STAGES)
    context = spark.sparkContext
    with progress.stage("reading and checking", context, len(folders) + len(exported)):
        datasets = [read_movielens(spark, folder) for folder in folders]
        datasets += [read_exported(spark, folder) for folder in exported]
    with progress.stage("one rating for each pair", context, 6):
        training = _merge(datasets, settings)
    _check_ranks(training.catalogue, settings)
    stars, mean = training.stars, training.mean_rating
    strengths = _strengths(training, settings)
    fitter = Fitter(progress, solver, settings.seed, starts)
    ranking = fitter.fit("ranking", strengths, settings.ranking)
    with progress.stage("fitting biases", context, 2 * settings.rating.bias_sweeps):
        user_bias, item_bias = fit_biases(stars, mean, settings.rating)
    left_over = residuals(stars, user_bias, item_bias, mean)
    rating = fitter.fit("rating", left_over, settings.rating)
    arrays = ItemArrays(
        item_ids=stars.items.ids,
        ranking_factors=ranking.items.of(stars.items.ids),
        rating_factors=rating.items.of(stars.items.ids),
        item_bias=item_bias,
        item_counts=stars.items.counts,
        item_means=training.item_means.astype(np.float32),
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
                mean_rating=mean,
                arrays=arrays,
                inputs=[{"path": d.path, "layout": d.layout, "rows": d.rows} for d in datasets],
                seconds=progress.seconds,
            ),
            training.items,
            _parity_sample(stars, ranking.users, rating.users),
        )
    with progress.stage("verifying and promoting", context):
        store.promote(release.version)
    stars.unpersist()
    return release


def _merge(datasets: Sequence[Dataset], settings: Config) -> TrainingSet:
    """All inputs as one; the catalogue entry of the later input wins, as its ratings do."""
    items = {item.item_id: item for dataset in datasets for item in dataset.items}
    listed = np.array(sorted(items), np.int64)
    every = datasets[0].ratings.context.union([dataset.ratings for dataset in datasets])
    try:
        stars = pack(every, listed)
    except NothingToPack as error:
        raise DataError(
            f"{datasets[0].path}: no rating is of a title in the catalogue; check that its files"
            " belong together"
        ) from error
    if without_title := sum(dataset.rows for dataset in datasets) - stars.count - stars.repeated:
        _tell(f"{without_title:,} ratings of titles that no catalogue lists were left out.")
    for dataset in datasets:
        dataset.ratings.unpersist()
    sums = row_sums(stars.items)
    catalogue = Catalogue(
        name=" + ".join(dataset.name for dataset in datasets),
        noun=settings.noun,
        feedback="explicit",
        rating_min=SCALE_MIN,
        rating_max=SCALE_MAX,
        rating_step=SCALE_STEP,
        ratings=stars.count,
        users=len(stars.users.ids),
        items=len(items),
        max_user_id=int(stars.users.ids[-1]),
        simulated=any(dataset.simulated for dataset in datasets),
    )
    return TrainingSet(
        stars=stars,
        items=[items[i] for i in listed.tolist()],
        catalogue=catalogue,
        item_means=sums / stars.items.counts,
        mean_rating=float(sums.sum() / stars.count),
    )


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


@dataclass(frozen=True)
class Fitter:
    """Fits a head with the chosen solver, as one stage."""

    progress: Progress
    solver: str
    seed: int
    starts: Mapping[str, Factors]

    def fit(self, head: str, packed: Packed, params: Params) -> FittedFactors:
        name, context = f"fitting the {head} head", packed.users.blocks.context
        if self.solver == "mllib":
            with self.progress.stage(name, context, mllib.expected_stages(params)):
                return mllib.fit(mllib.frame(packed), params, self.seed)
        with self.progress.stage(name, context, ticks=2 * params.iterations) as tick:
            return als.fit(packed, params, self.seed, self.starts.get(head), tick)


def _starts(store: ReleaseStore, settings: Config, solver: str) -> dict[str, Factors]:
    """Item factors of the release in service, of those heads whose rank stays as it is."""
    if solver != "als":
        raise ConfigError("--warm-start needs --solver als")
    try:
        release = store.read(store.current().version)
    except NoRelease:
        _tell("There is no release to start from; both heads start afresh.")
        return {}
    arrays, starts = release.arrays, {}
    heads = {
        "ranking": (arrays.ranking_factors, settings.ranking.rank),
        "rating": (arrays.rating_factors, settings.rating.rank),
    }
    for head, (vectors, rank) in heads.items():
        if vectors.shape[1] == rank:
            starts[head] = Factors(arrays.item_ids, np.array(vectors))
        else:
            _tell(
                f"the {head} head of rank {rank} starts afresh: the release in service has rank"
                f" {vectors.shape[1]}"
            )
    return starts


def _strengths(training: TrainingSet, settings: Config) -> Packed:
    """Raises DataError where nothing is liked."""
    neutral = settings.ranking.neutral
    if not training.stars.users.map(lambda block: [(block.values > neutral).any()]).any():
        raise DataError(
            f"{training.catalogue.name}: no rating is above the neutral {neutral:g};"
            " give a lower --ranking-neutral"
        )
    return training.stars.map_values(lambda _u, _i, stars: strength(stars, neutral, SCALE_MAX))


def _parity_sample(stars: Packed, ranking: Factors, rating: Factors) -> ParitySample:
    """Users spread evenly over the ids, with their ratings and the vectors that training found."""
    every = max(1, len(stars.users.ids) // PARITY_USERS)
    wanted = np.arange(0, len(stars.users.ids), every)[:PARITY_USERS]

    def theirs(block: Block) -> list[tuple[Any, Any]]:
        ends = block.first_row + len(block.counts)
        rows = wanted[(wanted >= block.first_row) & (wanted < ends)] - block.first_row
        pieces = [slice(block.starts[row], block.starts[row + 1]) for row in rows]
        return [(block.columns[piece], block.values[piece]) for piece in pieces]

    found = stars.users.blocks.flatMap(theirs).collect()
    user_ids = stars.users.ids[wanted]
    return ParitySample(
        user_ids=user_ids,
        starts=np.cumsum([0, *(len(columns) for columns, _ in found)]),
        item_ids=stars.items.ids[np.concatenate([columns for columns, _ in found])],
        ratings=np.concatenate([values for _, values in found]),
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
        "--ratings",
        action="append",
        default=[],
        metavar="FOLDER",
        help="what `flask export-ratings` wrote, beside the data: for a pair rated twice the newest"
        " rating wins",
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


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
