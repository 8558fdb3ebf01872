"""All inputs of a job as one set of ratings with its catalogue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pyspark import RDD

from recommender.catalogue import Catalogue, Item
from recommender.errors import ConfigError, DataError
from spark_jobs.blocks import NothingToPack, Packed, pack
from spark_jobs.config import Config
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.rating_lines import SCALE_MAX, SCALE_MIN, SCALE_STEP
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class TrainingSet:
    """Everything read, as one. ``stars``: one rating a pair, of items in the catalogue."""

    stars: Packed
    items: list[Item]
    catalogue: Catalogue


def merge(datasets: Sequence[Dataset], settings: Config) -> TrainingSet:
    """All inputs as one; the catalogue entry of the later input wins, as its ratings do."""
    items = {item.item_id: item for dataset in datasets for item in dataset.items}
    listed = np.array(sorted(items), np.int64)
    every = together([dataset.ratings.rows for dataset in datasets])
    try:
        stars = pack(every, listed)
    except NothingToPack as error:
        raise DataError(
            f"{datasets[0].path}: no rating is of a title in the catalogue; check that its files"
            " belong together"
        ) from error
    if without_title := sum(dataset.rows for dataset in datasets) - stars.count - stars.repeated:
        tell(f"{without_title:,} ratings of titles that no catalogue lists were left out.")
    for dataset in datasets:
        dataset.ratings.forget()
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
    )


def together(several: Sequence[RDD[Ratings]]) -> RDD[Ratings]:
    """All of them. A union sends everything through the JVM, so one alone is left as it is."""
    return several[0] if len(several) == 1 else several[0].context.union(list(several))


def check_ranks(catalogue: Catalogue, settings: Config) -> None:
    most = min(catalogue.users, catalogue.items)
    for head, params in (("ranking", settings.ranking), ("rating", settings.rating)):
        if params.rank > most:
            raise ConfigError(
                f"{catalogue.name}: rank {params.rank} of the {head} head is above its"
                f" {catalogue.users:,} people or {catalogue.items:,} titles; give a"
                f" rank of {most} or less"
            )
    if settings.ranking.neutral >= SCALE_MAX:
        raise ConfigError(
            f"ranking: neutral must be below the best rating, {SCALE_MAX:g},"
            f" not {settings.ranking.neutral:g}"
        )


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
