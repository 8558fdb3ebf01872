"""The common form that every reader returns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec
from pyspark.sql import SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from recommender.item_facts import Fact
from recommender.keys import CatalogueKeys
from spark_jobs.array_cache import CachedArrays
from spark_jobs.datasets.findings import Findings
from spark_jobs.filesystem import join, read_text
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class Dataset:
    """One input as read and checked.

    ``ratings``: complete and on the scale of ``feedback``, pairs possibly repeated; ``rows`` of
    them. ``items``: the catalogue, which fits on the driver. ``findings``:
    irregularities, left out or corrected. ``keys``: where ids were made from keys. ``timed``:
    whether ratings say when they were given. ``facts``: what items may say of themselves.
    """

    path: str
    name: str
    layout: str
    ratings: CachedArrays[Ratings]
    rows: int
    items: list[CatalogueItem]
    simulated: bool = False
    feedback: str = EXPLICIT
    findings: Findings = field(default_factory=Findings)
    keys: CatalogueKeys | None = None
    timed: bool = True
    facts: tuple[Fact, ...] = ()


class About(msgspec.Struct):
    """``dataset.json``, which a folder may have."""

    name: str = ""
    simulated: bool | None = None


def read_about(spark: SparkSession, folder: str, names: Collection[str]) -> About:
    """Read what ``dataset.json`` says of the data, where there is one. Raises DataError."""
    if "dataset.json" not in names:
        return About()
    path = join(folder, "dataset.json")
    try:
        return msgspec.json.decode(read_text(spark, path, "utf-8"), type=About)
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path}: not a JSON object whose `name` is text and `simulated` true or false"
            f" ({error}); correct or remove it"
        ) from error
