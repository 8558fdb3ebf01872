"""Fits both models on every rating there is and publishes the result as a release.

Before that the same parameters are fitted without some of the people, and measured on them.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from recommender.errors import ConfigError, NoRelease
from recommender.feedback import EXPLICIT, IMPLICIT
from recommender.fold_in import gram
from recommender.keys import NO_KEYS
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs.als.solver import Factors
from spark_jobs.config.configuration import Config
from spark_jobs.config.options import as_options
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.evaluation import promotion_gate
from spark_jobs.exploration import by_month, describe
from spark_jobs.fit_models import Fitter, fit_models
from spark_jobs.given_ids import check_continues, check_people, known_keys
from spark_jobs.item_prior import fit_item_prior
from spark_jobs.parity_sample import sample_parity
from spark_jobs.progress import ProgressBar
from spark_jobs.training_set import check_ranks, merge, read_inputs, tell, with_fitting_ranks

SOLVERS = ("als", "mllib")
PROMOTE = ("gate", "always", "never")
# Without stars there are no biases and no rating model to fit.
STAGES = {EXPLICIT: 7, IMPLICIT: 5}  # and the neighbourhood


@dataclass(frozen=True)
class Trained:
    """A written release. ``reasons``: why the gate rejects it."""

    release: Release
    promoted: bool
    reasons: list[str]


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

    ``starts``: initial item factors by model. ``promote``: "gate" (the metrics decide), "always"
    (without measuring) or "never" (measured, not promoted). ``exported``: folders of ratings given
    on the site.
    """
    with_neighbours = settings.neighbourhood.neighbours > 0
    progress = ProgressBar(STAGES[settings.feedback] + with_neighbours)
    context = spark.sparkContext
    with progress.stage("reading and checking", context, len(folders) + len(exported)):
        known = known_keys(store) if settings.own else NO_KEYS
        datasets = read_inputs(spark, settings, folders, exported, known)
        check_continues(datasets[0], known)
        check_people(datasets, len(exported), store.in_service() if exported else None)
        months = by_month(datasets) if promote != "always" else []
    with progress.stage("one rating for each pair", context, 6):
        training = merge(datasets, settings)
    settings = with_fitting_ranks(settings, training.catalogue)
    check_ranks(training.catalogue, settings)
    measured = None
    if promote != "always":
        measured = promotion_gate.measure(training, settings, solver, warm=bool(starts))
        measured["command"] = _command(folders, settings)
        measured["exploration"] = describe(training, months)
        settings = promotion_gate.with_weights(settings, measured)
    stars = training.stars
    fitter = Fitter(progress, solver, settings.seed, starts)
    with_rating = training.catalogue.feedback == EXPLICIT
    models = fit_models(stars, training.items, training.catalogue, settings, fitter, with_rating)
    now = datetime.now(UTC)
    release = Release(
        version=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        created_at=now.isoformat(timespec="seconds"),
        catalogue=training.catalogue,
        ranking=models.ranking_params,
        rating=settings.rating if with_rating else None,
        mean_rating=models.mean_rating,
        arrays=models.arrays,
        neighbourhood=settings.neighbourhood if models.neighbourhood else None,
        neighbours=models.neighbourhood.arrays if models.neighbourhood else None,
        keys=training.keys,
        item_prior=fit_item_prior(training.items, models.arrays),
        user_gram=gram(models.ranking.vectors),
        inputs=[_about(dataset) for dataset in datasets],
        metrics=promotion_gate.metrics_of(measured, settings.gate) if measured else {},
        seconds=progress.seconds,
    )
    parity = sample_parity(stars, models, release)
    report: dict[str, bytes] = {}
    reasons: list[str] = []
    if measured:
        # Only where a page is written, so that Spark's workers need no Matplotlib.
        from spark_jobs.reporting.html import report_files

        judged = promotion_gate.judged(measured, release, store.in_service(), parity, settings.gate)
        reasons = judged["gate"]["reasons"]
        sizes = {"ranking": models.arrays.ranking_factors.shape}
        if with_rating:
            sizes["rating"] = models.arrays.rating_factors.shape
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
    about = {
        "path": dataset.path,
        "layout": dataset.layout,
        "rows": dataset.rows,
        "titles": len(dataset.items),
    }
    findings = dataset.findings.as_json()
    return {**about, "findings": findings} if findings else about


def _command(folders: Sequence[str], settings: Config) -> str:
    """Return the command that repeats the measurement."""
    options = ["--protocol", "G,E", "--seeds", str(settings.gate.seed)]
    for folder in folders if not settings.own else ():
        options += ["--data", folder]
    return shlex.join(["python", "-m", "spark_jobs.evaluate", *options, *as_options(settings)])


def warm_starts(store: ReleaseStore, settings: Config, solver: str) -> dict[str, Factors]:
    """Return the item factors of the release in service, for each model whose rank is unchanged."""
    if solver != "als":
        raise ConfigError("--warm-start needs --solver als")
    try:
        release = store.read(store.current().version)
    except NoRelease:
        tell("There is no release to start from; both models start from scratch.")
        return {}
    arrays, starts = release.arrays, {}
    models = {"ranking": (arrays.ranking_factors, settings.ranking.rank)}
    if release.rating is not None:
        learned = arrays.rating_factors[:, : release.rating.rank]
        models["rating"] = (learned, settings.rating.rank)
    for model, (vectors, rank) in models.items():
        if vectors.shape[1] == rank:
            starts[model] = Factors(arrays.item_ids, np.array(vectors))
        else:
            tell(
                f"the {model} model of rank {rank} starts from scratch: the release in"
                f" service has rank {vectors.shape[1]}"
            )
    return starts
