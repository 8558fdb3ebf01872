"""The normal form that every reader produces."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.catalogue import Item
from spark_jobs.at_hand import AtHand
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class Dataset:
    """One input as read and checked.

    ``ratings``: every one whole and on the scale, pairs possibly repeated; ``rows`` of
    them. ``items``: the catalogue, which fits on the driver.
    """

    path: str
    name: str
    layout: str
    ratings: AtHand[Ratings]
    rows: int
    items: list[Item]
    simulated: bool = False
