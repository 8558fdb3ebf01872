"""All inputs of a job as one set of ratings with its catalogue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs
from pyspark.sql import SparkSession

from recommender.catalogue import FIRST_KEYED_USER, Catalogue, CatalogueItem
from recommender.errors import ConfigError, DataError
from recommender.feedback import EXPLICIT, SCALES
from recommender.keys import NO_KEYS, CatalogueKeys
from spark_jobs.als.packing import NothingToPack, build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.array_cache import CachedArrays, joined
from spark_jobs.config.configuration import DEFAULT_FILES, Config
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue
from spark_jobs.datasets.catalogue_source.scale import scale_of
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import Findings
from spark_jobs.datasets.read import read_datasets
from spark_jobs.ratings import Ratings

STARS = SCALES[EXPLICIT].high


@dataclass(frozen=True)
class TrainingSet:
    """All inputs merged. ``stars``: one rating a pair, of items in the catalogue; hours where
    the catalogue's feedback is implicit. ``timed``: the ratings as read, if they were kept.
    ``keys``: where ids were made from keys. ``has_times``: whether ratings say when they were
    given."""

    stars: BlockedRatings
    items: list[CatalogueItem]
    catalogue: Catalogue
    findings: Findings
    timed: CachedArrays[Ratings] | None = None
    keys: CatalogueKeys | None = None
    has_times: bool = True


def read_inputs(
    spark: SparkSession,
    settings: Config,
    folders: Sequence[str],
    exported: Sequence[str] = (),
    known: CatalogueKeys = NO_KEYS,
) -> list[Dataset]:
    """Read the data in ``folders``, or of the catalogue that the configuration describes, then the
    ratings that the site ``exported``. ``known``: keys that have ids already.

    Raises MarqueeError.
    """
    return read_datasets(spark, settings.dataset, folders, exported, settings.own, known)


def merge(datasets: Sequence[Dataset], settings: Config, keep_times: bool = False) -> TrainingSet:
    """Merge the inputs; a later input's catalogue entries and ratings replace earlier ones.

    ``keep_times``: the ratings as read stay cached beside the blocks, which have no times.
    """
    items = _items_of(datasets)
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
    keys = datasets[0].keys
    return TrainingSet(
        stars=stars,
        items=[items[i] for i in listed.tolist()],
        catalogue=_catalogue(datasets, settings, stars, len(items)),
        findings=findings,
        timed=every if keep_times else None,
        keys=keys,
        has_times=datasets[0].timed,
    )


def _items_of(datasets: Sequence[Dataset]) -> dict[int, CatalogueItem]:
    """Return the items by id. A key that the data gave an id of its own meanwhile is left out of
    the title that was added at the site, which merges the two when it serves the release."""
    items: dict[int, CatalogueItem] = {}
    ids_by_key: dict[str, int] = {}
    for item in (item for dataset in datasets for item in dataset.items):
        if item.key is not None and ids_by_key.setdefault(item.key, item.item_id) != item.item_id:
            item = structs.replace(item, key=None)
        items[item.item_id] = item
    return items


def _catalogue(
    datasets: Sequence[Dataset], settings: Config, stars: BlockedRatings, items: int
) -> Catalogue:
    first = datasets[0]
    scale = scale_of(settings.own) if settings.own else SCALES[first.feedback]
    ids = stars.users.ids
    of_site = ids[ids < FIRST_KEYED_USER] if first.keys else ids
    catalogue = Catalogue(
        name=" + ".join(dataset.name for dataset in datasets),
        noun=settings.noun,
        feedback=first.feedback,
        rating_min=scale.low,
        rating_max=scale.high,
        rating_step=scale.step,
        ratings=stars.count,
        users=len(ids),
        items=items,
        max_user_id=int(of_site[-1]) if len(of_site) else 0,
        simulated=any(dataset.simulated for dataset in datasets),
        keyed=first.keys is not None,
        facts=first.facts,
    )
    if settings.own is None:
        return catalogue
    return _in_own_words(catalogue, settings.own, settings.recommend_again)


def _in_own_words(catalogue: Catalogue, own: OwnCatalogue, again: bool) -> Catalogue:
    about = own.catalogue
    return structs.replace(
        catalogue,
        name=about.name,
        plural=about.noun.many,
        measure=about.measure.one if about.measure else "",
        measures=about.measure.plural if about.measure else "",
        having=own.having,
        points=about.scale.max if about.scale else STARS,
        recommend_again=again,
    )


def with_fitting_ranks(settings: Config, catalogue: Catalogue) -> Config:
    """Return the settings with ranks that suit a small catalogue of one's own, described or read by
    a reader of one's own: a stranger's first hundred titles need no knowledge of ranks."""
    most = max(1, min(catalogue.users, catalogue.items) // 2)
    models = ("ranking", "rating") if catalogue.feedback == EXPLICIT else ("ranking",)
    for model in models if settings.dataset not in DEFAULT_FILES else ():
        params = getattr(settings, model)
        if params.rank > most:
            tell(f"{model} model: rank {most} in place of {params.rank}, which this data can fit.")
            settings = structs.replace(settings, **{model: structs.replace(params, rank=most)})
    return settings


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
