"""All inputs of a job as one set of ratings with its catalogue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import ConfigError, DataError
from recommender.feedback import EXPLICIT, SCALES
from spark_jobs.als.packing import NothingToPack, build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.array_cache import CachedArrays, joined
from spark_jobs.config.configuration import Config
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import Findings
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class TrainingSet:
    """All inputs merged. ``stars``: one rating a pair, of items in the catalogue; hours where
    the catalogue's feedback is implicit. ``timed``: the ratings as read, if they were kept."""

    stars: BlockedRatings
    items: list[CatalogueItem]
    catalogue: Catalogue
    findings: Findings
    timed: CachedArrays[Ratings] | None = None


def merge(datasets: Sequence[Dataset], settings: Config, keep_times: bool = False) -> TrainingSet:
    """Merge the inputs; a later input's catalogue entries and ratings replace earlier ones.

    ``keep_times``: the ratings as read stay cached beside the blocks, which have no times.
    """
    items = {item.item_id: item for dataset in datasets for item in dataset.items}
    listed = np.array(sorted(items), np.int64)
    every = joined([dataset.ratings for dataset in datasets])
    try:
        stars = build_blocks(every, listed)
    except NothingToPack as error:
        raise DataError(
            f"{datasets[0].path}: no rating is of a title in the catalogue; check that its files"
            " belong together"
        ) from error
    if without_title := sum(dataset.rows for dataset in datasets) - stars.count - stars.repeated:
        tell(f"{without_title:,} ratings of titles that no catalogue lists were left out.")
    if not keep_times:
        for dataset in datasets:
            dataset.ratings.unpersist()
    findings = Findings.merged(dataset.findings for dataset in datasets)
    for line in findings.lines():
        tell(line)
    feedback = datasets[0].feedback
    scale = SCALES[feedback]
    catalogue = Catalogue(
        name=" + ".join(dataset.name for dataset in datasets),
        noun=settings.noun,
        feedback=feedback,
        rating_min=scale.low,
        rating_max=scale.high,
        rating_step=scale.step,
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
        findings=findings,
        timed=every if keep_times else None,
    )


def check_ranks(catalogue: Catalogue, settings: Config) -> None:
    most = min(catalogue.users, catalogue.items)
    stars = catalogue.feedback == EXPLICIT
    ranks = {
        "ranking": settings.ranking.rank,
        **({"rating": settings.rating.rank} if stars else {}),
    }
    for model, rank in ranks.items():
        if rank > most:
            raise ConfigError(
                f"{catalogue.name}: rank {rank} of the {model} model is above its"
                f" {catalogue.users:,} people or {catalogue.items:,} titles; give a"
                f" rank of {most} or less"
            )
    if stars and settings.ranking.neutral >= catalogue.rating_max:
        raise ConfigError(
            f"ranking: neutral must be below the best rating, {catalogue.rating_max:g},"
            f" not {settings.ranking.neutral:g}"
        )


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
