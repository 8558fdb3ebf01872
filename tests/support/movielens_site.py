"""A site with the catalogue of MovieLens latest-small, and a release without a real model."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.formats.titles import split_title
from recommender.storage.release import ItemArrays
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import no_parity_sample, tiny_release


def movielens_items(folder: Path) -> list[CatalogueItem]:
    """Read the titles of a MovieLens folder with their ids at IMDb and TMDB, by item id."""
    with (folder / "links.csv").open(encoding="utf-8", newline="") as file:
        links = {row["movieId"]: row for row in csv.DictReader(file)}
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items = [
        CatalogueItem(
            int(row["movieId"]),
            *split_title(row["title"]),
            tuple(row["genres"].split("|")),
            f"tt{links[row['movieId']]['imdbId']}",
            int(links[row["movieId"]]["tmdbId"] or 0) or None,
        )
        for row in rows
    ]
    return sorted(items, key=lambda item: item.item_id)


def publish_movielens(store: ReleaseStore, folder: Path) -> None:
    """Write and promote a release of all titles of a MovieLens folder, with arbitrary factors."""
    items = movielens_items(folder)
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        counts = Counter(int(row["movieId"]) for row in csv.DictReader(file))
    number = len(items)
    arrays = ItemArrays(
        item_ids=np.array([item.item_id for item in items]),
        ranking_factors=np.ones((number, 2), np.float32),
        rating_factors=np.ones((number, 2), np.float32),
        item_bias=np.zeros(number, np.float32),
        item_counts=np.array([counts[item.item_id] for item in items]),
        item_means=np.full(number, 3.5, np.float32),
    )
    catalogue = Catalogue(
        *("MovieLens latest-small", "movie", "explicit", 0.5, 5.0, 0.5),
        *(sum(counts.values()), 610, number, 610),
    )
    release = tiny_release(catalogue=catalogue, arrays=arrays)
    store.publish(release, items, no_parity_sample())
    store.promote(release.version)
