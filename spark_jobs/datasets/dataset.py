"""The normal form that every reader produces."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from recommender.catalogue import Item


@dataclass(frozen=True)
class Dataset:
    """One input as read and checked.

    ``ratings``: user_id int, item_id int, rating double, rated_at timestamp; every row whole and on
    the scale, pairs possibly repeated. ``items``: the catalogue, which fits on the driver.
    """

    path: str
    name: str
    layout: str
    ratings: DataFrame
    rows: int
    items: list[Item]
    simulated: bool = False
