"""Fits both heads on every rating there is and publishes the result as a release.

    spark-submit --py-files dist/jobs.zip spark_jobs/train.py --data FOLDER --releases FOLDER

Before that the same parameters are fitted without some of the people, and measured on them.

Exit status 0: a release was written, and promoted unless told never to. 2: bad input, nothing was
written. 3: a release was written and not promoted, because it is not good enough.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # spark-submit puts this file's folder on the path; imports start one above.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from recommender.errors import ConfigError, MarqueeError, NoRelease
from recommender.feedback import EXPLICIT
from recommender.params import RatingParams
from recommender.storage.release import ParitySample, Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.als import solver
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.als.solver import Factors
from spark_jobs.config.configuration import Config, load_config
from spark_jobs.config.options import add_options, add_releases_option, as_options, open_releases
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.obtain import obtain
from spark_jobs.datasets.read import read_datasets
from spark_jobs.evaluation import promotion_gate
from spark_jobs.explore import by_month, describe
from spark_jobs.fit_models import FittedModels, Fitter, fit_models
from spark_jobs.progress import ProgressBar
from spark_jobs.session import build_session
from spark_jobs.training_set import check_ranks, merge, tell

PARITY_USERS = 200
SOLVERS = ("als", "mllib")
PROMOTE = ("gate", "always", "never")
# Without stars there are no biases and no rating head to fit.
STAGES = {"movielens": 7, "steam": 5}


@dataclass(frozen=True)
class Trained:
    """A written release. ``reasons``: why the gate refuses it."""

    release: Release
    promoted: bool
    reasons: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = load_config(options)
        store = open_releases(options.releases)
        store.check_writable()
        starts = _starts(store, settings, options.solver) if options.warm_start else {}
        folders = options.data or [str(obtain(Path("data"), tell))]
        spark = build_session("marquee train")
        trained = train(
            *(spark, folders, settings, store, options.solver, starts),
            *(options.promote, options.ratings),
        )
    except MarqueeError as error:
        tell(f"error: {error}")
        return 2
    version, facts = trained.release.version, trained.release.catalogue
    state = "in service" if trained.promoted else "written, and not promoted"
    print(
        f"Release {version} is {state}: {facts.ratings:,} ratings by {facts.users:,} people,"
        f" {facts.items:,} titles."
    )
    for reason in trained.reasons:
        tell(f"gate: {reason}")
    if options.promote != "gate" or trained.promoted:
        return 0
    tell(f"Promote it all the same: `flask releases promote {version}`")
    return 3


def train(
    spark: SparkSession,
    folders: Sequence[str],
    settings: Config,
    store: ReleaseStore,
    solver: str = SOLVERS[0],
    starts: Mapping[str, Factors] = MappingProxyType({}),
    promote: str = PROMOTE[0],
    exported: Sequence[str] = (),
) -> Trained:
    """Read ``folders``, measure, fit, publish, promote. Raises MarqueeError with nothing promoted.

    ``starts``: item factors that a head starts from, by its name. ``promote``: whatever is measured
    decides ("gate"), or nothing is measured ("always"), or it is only told ("never"). ``exported``:
    folders of ratings given on the site.
    """
    progress = ProgressBar(STAGES[settings.dataset])
    context = spark.sparkContext
    with progress.stage("reading and checking", context, len(folders) + len(exported)):
        datasets = read_datasets(spark, settings.dataset, folders, exported)
        months = by_month(datasets) if promote != "always" else []
    with progress.stage("one rating for each pair", context, 6):
        training = merge(datasets, settings)
    check_ranks(training.catalogue, settings)
    measured = None
    if promote != "always":
        measured = promotion_gate.measure(training, settings, solver, warm=bool(starts))
        measured["command"] = _command(folders, settings)
        measured["exploration"] = describe(training, months)
    stars = training.stars
    fitter = Fitter(progress, solver, settings.seed, starts)
    with_rating = training.catalogue.feedback == EXPLICIT
    heads = fit_models(stars, training.items, training.catalogue, settings, fitter, with_rating)
    now = datetime.now(UTC)
    release = Release(
        version=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        created_at=now.isoformat(timespec="seconds"),
        catalogue=training.catalogue,
        ranking=settings.ranking,
        rating=settings.rating if with_rating else None,
        mean_rating=heads.mean_rating,
        arrays=heads.arrays,
        inputs=[_about(dataset) for dataset in datasets],
        metrics=promotion_gate.metrics_of(measured, settings.gate) if measured else {},
        seconds=progress.seconds,
    )
    parity = _parity_sample(stars, heads, release.rating)
    report: dict[str, bytes] = {}
    reasons: list[str] = []
    if measured:
        # Only where a page is written, so that Spark's workers need no Matplotlib.
        from spark_jobs.reporting.html import report_files

        judged = promotion_gate.judged(
            measured, release, promotion_gate.in_service(store), parity, settings.gate
        )
        reasons = judged["gate"]["reasons"]
        sizes = {"ranking": heads.arrays.ranking_factors.shape}
        if with_rating:
            sizes["rating"] = heads.arrays.rating_factors.shape
        report = report_files({**judged, "sizes": sizes, "seconds": progress.seconds})
    with progress.stage("writing the release", context):
        release = store.publish(release, training.items, parity, report)
    promoted = promote == "always" or (promote == "gate" and not reasons)
    with progress.stage("verifying and promoting", context):
        if promoted:
            store.promote(release.version)
    stars.unpersist()
    return Trained(release, promoted, reasons)


def _about(dataset: Dataset) -> dict[str, Any]:
    about = {"path": dataset.path, "layout": dataset.layout, "rows": dataset.rows}
    found = dataset.findings.as_json()
    return {**about, "findings": found} if found else about


def _command(folders: Sequence[str], settings: Config) -> str:
    """What measures the same again."""
    given = [*("--protocol", "G,E"), *("--seeds", str(settings.gate.seed))]
    for folder in folders:
        given += ["--data", folder]
    return shlex.join(["python", "-m", "spark_jobs.evaluate", *given, *as_options(settings)])


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
    heads = {"ranking": (arrays.ranking_factors, settings.ranking.rank)}
    if release.rating is not None:
        learned = arrays.rating_factors[:, : release.rating.rank]
        heads["rating"] = (learned, settings.rating.rank)
    for head, (vectors, rank) in heads.items():
        if vectors.shape[1] == rank:
            starts[head] = Factors(arrays.item_ids, np.array(vectors))
        else:
            tell(
                f"the {head} head of rank {rank} starts afresh: the release in service has rank"
                f" {vectors.shape[1]}"
            )
    return starts


def _parity_sample(
    stars: BlockedRatings, heads: FittedModels, params: RatingParams | None
) -> ParitySample:
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
    rating_vectors = np.zeros((len(wanted), 0), np.float32)
    if params is not None:
        user_bias = np.repeat(heads.user_bias[wanted], np.diff(starts))
        residuals = ratings - np.float32(heads.mean_rating) - user_bias - arrays.item_bias[columns]
        block = Block(0, starts, columns, residuals)
        rating_vectors = solver.solve_users(block, arrays.rating_factors, params)
    return ParitySample(
        user_ids=user_ids,
        starts=starts,
        item_ids=stars.items.ids[columns],
        ratings=ratings,
        ranking_vectors=heads.ranking.of(user_ids),
        rating_vectors=rating_vectors,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py", description="Fit both heads and publish a release."
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="FOLDER",
        help="a data set's folder; give it again to add inputs, of which later ones win"
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
    add_releases_option(parser)
    parser.add_argument(
        "--solver",
        choices=SOLVERS,
        default=SOLVERS[0],
        help="als: ours; mllib: Spark's own, for factors that no single machine holds"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--promote",
        choices=PROMOTE,
        default=PROMOTE[0],
        help="gate: only what reaches the configured floors and is not much worse than the release"
        " in service; always: without measuring; never: measure and write (default: %(default)s)",
    )
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="start from the factors of the release in service, where ranks agree, so that fewer"
        " iterations do",
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
