"""A release small enough to check by hand, made without Spark."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.feedback import IMPLICIT, SCALES
from recommender.item_prior import ItemPrior
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams
from recommender.storage.release import ItemArrays, NeighbourArrays, ParitySample, Release
from recommender.storage.release_store import ReleaseStore

# Two tastes: the first four films are liked by some people, the next four by others.
ITEMS = [
    CatalogueItem(1, "Space Station", 1979, ("Sci-Fi",), "tt0000001"),
    CatalogueItem(2, "Space Pirates", 1984, ("Sci-Fi", "Adventure"), "tt0000002"),
    CatalogueItem(3, "The Space Race", 1999, ("Sci-Fi",)),
    CatalogueItem(5, "Return to Space", 2004, ("Sci-Fi",)),
    CatalogueItem(8, "Amélie in Love", 2001, ("Romance", "Comedy")),
    CatalogueItem(13, "Love Letters", 1995, ("Romance",)),
    CatalogueItem(21, "All About Love", None, ("Romance",)),
    CatalogueItem(34, "Love, Again", 2010, ()),
    CatalogueItem(55, "Never Rated", 2020, ("Drama",)),
]
FITTED = ITEMS[:-1]


def prior_of(arrays: ItemArrays) -> ItemPrior:
    """Return what the genres of a new title let expect: the taste of each, and a better rating."""
    table = np.zeros((3, arrays.ranking_factors.shape[1] + arrays.rating_factors.shape[1] + 1))
    table[:, :2] = [[0.2, 0.2], [-0.2, 0.4], [0.4, -0.2]]
    table[2, -1] = 0.1
    return ItemPrior(("Romance", "Sci-Fi"), table.astype(np.float32))


def tiny_release(version: str = "20260101-000000-aaaa", **changes: object) -> Release:
    """Rank 2 in both models: one factor for each taste."""
    tastes = np.repeat(np.eye(2, dtype=np.float32), 4, axis=0)
    values: dict[str, object] = {
        "version": version,
        "created_at": "2026-01-01T00:00:00+00:00",
        "catalogue": Catalogue("tiny", "movie", "explicit", 0.5, 5.0, 0.5, 88, 20, 9, 20),
        "ranking": RankingParams(rank=2, regularization=0.1, neutral=2.0, popularity_weight=0.01),
        "rating": RatingParams(rank=2, bias_regularization=3.0),
        "mean_rating": 3.5,
        "arrays": ItemArrays(
            item_ids=np.array([item.item_id for item in FITTED]),
            ranking_factors=tastes * np.linspace(1.0, 0.8, 8, dtype=np.float32)[:, None],
            rating_factors=tastes,
            item_bias=np.linspace(0.4, -0.3, 8, dtype=np.float32),
            item_counts=np.array([20, 10, 8, 5, 18, 12, 9, 6]),
            item_means=np.linspace(4.0, 3.3, 8, dtype=np.float32),
        ),
        "inputs": [{"path": "tiny", "layout": "CSV", "rows": 88}],
    }
    values |= changes
    if "item_prior" not in values:
        arrays: ItemArrays = values["arrays"]  # type: ignore[assignment]
        rank = arrays.ranking_factors.shape[1]
        values |= {"item_prior": prior_of(arrays), "user_gram": np.eye(rank)}
    return Release(**values)  # type: ignore[arg-type]


# Two tastes again: the first four games are played by some people, the next four by others.
GAMES = [
    CatalogueItem(10, "Counter-Space", 2000, ("Action",), description="FPS, Multiplayer"),
    CatalogueItem(20, "Space Fortress", 1999, ("Action",)),
    CatalogueItem(30, "Day of Space", 2003, ("Action", "Indie")),
    CatalogueItem(40, "Space Match", 2001, ("Action",)),
    CatalogueItem(50, "Farm of Peace", 2016, ("Simulation", "Indie")),
    CatalogueItem(60, "Harvest Home", 2012, ("Simulation",)),
    CatalogueItem(70, "All Quiet Farm", None, ("Simulation",)),
    CatalogueItem(80, "Barn Again", 2018, ()),
    CatalogueItem(90, "Never Owned", 2020, ("Indie",)),
]


def tiny_games_release(version: str = "20260202-000000-bbbb", **changes: object) -> Release:
    """Hours played instead of stars: rank 2, one factor for each taste, and no rating model."""
    scale = SCALES[IMPLICIT]
    values: dict[str, object] = {
        "catalogue": Catalogue(
            *("tiny games", "game", IMPLICIT, scale.low, scale.high, scale.step, 88, 20, 9, 20)
        ),
        "ranking": RankingParams(
            rank=2, regularization=0.1, popularity_weight=0.01, playtime_weight=0.1
        ),
        "rating": None,
        "mean_rating": 12.0,
        "arrays": replace(
            tiny_release().arrays,
            item_ids=np.array([game.item_id for game in GAMES[:-1]]),
            rating_factors=np.zeros((8, 0), np.float32),
            item_bias=np.zeros(8, np.float32),
            item_means=np.linspace(40.0, 2.0, 8, dtype=np.float32),
        ),
        "inputs": [{"path": "tiny games", "layout": "Steam", "rows": 88}],
    }
    return tiny_release(version, **{**values, **changes})


def by_source(weights: NDArray[np.floating]) -> NeighbourArrays:
    """Return a neighbourhood of dense weights, (items, items): of each source, to each target."""
    sources, targets = np.nonzero(weights)
    starts = np.searchsorted(sources, np.arange(len(weights) + 1))
    values = weights[sources, targets].astype(np.float16)
    return NeighbourArrays(starts, targets.astype(np.int32), values)


# By row of FITTED: a rating of 1 speaks for 2 and 8, one of 2 for 1; 8 speaks against 1 and for 13.
WEIGHTS = np.zeros((8, 8))
WEIGHTS[0, [1, 4]], WEIGHTS[1, 0], WEIGHTS[4, [0, 5]] = (0.5, 0.25), 0.75, (-0.25, 0.5)


def with_neighbours(release: Release, **params: object) -> Release:
    """Return a tiny release with WEIGHTS as its neighbourhood."""
    chosen = NeighbourhoodParams(**{"neighbours": 2, **params})  # type: ignore[arg-type]
    return replace(release, neighbourhood=chosen, neighbours=by_source(WEIGHTS))


def no_parity_sample(rating_width: int = 2) -> ParitySample:
    """Return an empty parity sample, for tests that do not check parity."""
    return ParitySample(
        user_ids=np.empty(0, np.int64),
        starts=np.zeros(1, np.int64),
        item_ids=np.empty(0, np.int64),
        ratings=np.empty(0, np.float32),
        ranking_vectors=np.empty((0, 2), np.float32),
        rating_vectors=np.empty((0, rating_width), np.float32),
    )


def publish_tiny(store: ReleaseStore, version: str = "20260101-000000-aaaa") -> Release:
    """Write and promote a tiny release."""
    release = store.publish(tiny_release(version), ITEMS, no_parity_sample())
    store.promote(version)
    return release


def publish_tiny_games(store: ReleaseStore, version: str = "20260202-000000-bbbb") -> Release:
    """Write and promote a tiny release of games."""
    release = store.publish(tiny_games_release(version), GAMES, no_parity_sample(rating_width=0))
    store.promote(version)
    return release


def large_release(items: int = 9_742, rank: int = 128) -> tuple[Release, list[CatalogueItem]]:
    """Return a release and catalogue as large as MovieLens latest-small, with random factors."""
    random = np.random.default_rng(0)
    catalog = [
        CatalogueItem(n, f"Film {n} of the Long Row", 1900 + n % 120, ("Drama", "Comedy"))
        for n in range(1, items + 1)
    ]
    arrays = ItemArrays(
        item_ids=np.arange(1, items + 1),
        ranking_factors=random.normal(0, 0.1, (items, rank)).astype(np.float32),
        rating_factors=random.normal(0, 0.1, (items, rank)).astype(np.float32),
        item_bias=np.zeros(items, np.float32),
        item_counts=np.arange(items, 0, -1) + 5,
        item_means=np.full(items, 3.5, np.float32),
    )
    release = tiny_release(
        catalogue=Catalogue("large", "movie", "explicit", 0.5, 5.0, 0.5, 88, 20, items, 20),
        ranking=RankingParams(rank=rank, regularization=0.1, neutral=2.0, popularity_weight=0.01),
        rating=RatingParams(rank=rank, bias_regularization=3.0),
        arrays=arrays,
    )
    return release, catalog


ACTION, FARMING = [10, 20, 30, 40], [50, 60, 70, 80]
FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"


def truncate(folder: Path) -> str:
    path = folder / "ranking_factors.npy"
    path.write_bytes(path.read_bytes()[:-1])
    return path.name


def flip_a_byte(folder: Path) -> str:
    path = folder / "item_bias.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path.name


def remove_a_file(folder: Path) -> str:
    (folder / "item_ids.npy").unlink()
    return "item_ids.npy"


TINY = tiny_release(metrics={"ndcg@10": 0.25}, seconds={"fit": 1.5})


SAMPLE = replace(
    no_parity_sample(),
    user_ids=np.array([7]),
    starts=np.array([0, 2]),
    item_ids=np.array([1, 8]),
    ratings=np.array([5.0, 0.5], np.float32),
    ranking_vectors=np.array([[1.0, 2.0]], np.float32),
    rating_vectors=np.array([[3.0, 4.0]], np.float32),
)


def change(folder: Path, section: str, values: dict[str, Any]) -> None:
    """Change the manifest, or one section of it."""
    manifest = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    (manifest[section] if section else manifest).update(values)
    (folder / "release.json").write_text(json.dumps(manifest), encoding="utf-8")


def signed(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and update its digest in the manifest, like a faulty publisher."""
    (folder / name).write_bytes(content)
    facts = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change(folder, "files", {name: facts})
