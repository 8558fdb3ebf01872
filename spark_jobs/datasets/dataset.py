"""The normal form that every reader produces."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from spark_jobs.array_cache import CachedArrays
from spark_jobs.datasets.findings import Findings
from spark_jobs.filesystem import join, read_text
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class Dataset:
    """One input as read and checked.

    ``ratings``: every one whole and on the scale of ``feedback``, pairs possibly repeated;
    ``rows`` of them. ``items``: the catalogue, which fits on the driver. ``findings``: what was
    odd, and left out or mended.
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


def read_about(spark: SparkSession, folder: str, names: Collection[str]) -> dict[str, Any]:
    """``dataset.json``, where the folder has one, gives a name and says that data is simulated."""
    if "dataset.json" not in names:
        return {}
    path = join(folder, "dataset.json")
    try:
        about = dict(json.loads(read_text(spark, path, "utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: not a JSON object ({error}); correct or remove it") from error
    if not isinstance(about.get("name", ""), str) or about.get("simulated") not in (
        None,
        True,
        False,
    ):
        raise DataError(
            f"{path}: `name` must be text and `simulated` true or false; correct or remove it"
        )
    return about
