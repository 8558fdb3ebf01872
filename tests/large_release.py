"""A release as large as MovieLens latest-small, of random numbers, and ratings of all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from app.extensions import db
from app.models import Rating
from recommender.catalogue import Catalogue, Item
from recommender.params import RankingParams, RatingParams
from recommender.release import ItemArrays, Release
from recommender.release_store import ReleaseStore
from tests.releases import no_parity_sample, tiny_release

ITEMS = 9_742
RANK = 128
_GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller", "War")


def publish_large(store: ReleaseStore) -> Release:
    """Write and promote a release of ITEMS titles at RANK."""
    rng = np.random.default_rng(0)
    item_ids = np.arange(1, ITEMS + 1)
    words = [f"word{number}" for number in range(2_000)]
    items = [
        Item(
            int(item_id),
            " ".join(rng.choice(words, size=3)).title(),
            int(rng.integers(1920, 2026)),
            tuple(rng.choice(_GENRES, size=2, replace=False)),
            f"tt{item_id:07}",
        )
        for item_id in item_ids
    ]
    release = tiny_release(
        catalogue=Catalogue("large", "movie", "explicit", 0.5, 5.0, 0.5, 100_000, 600, ITEMS, 610),
        ranking=RankingParams(rank=RANK, regularization=0.1, neutral=2.0, popularity_weight=0.01),
        rating=RatingParams(rank=RANK, bias_regularization=3.0),
        arrays=ItemArrays(
            item_ids=item_ids,
            ranking_factors=rng.normal(0, 0.1, (ITEMS, RANK)).astype(np.float32),
            rating_factors=rng.normal(0, 0.1, (ITEMS, RANK)).astype(np.float32),
            item_bias=rng.normal(0, 0.3, ITEMS).astype(np.float32),
            item_counts=rng.integers(1, 300, ITEMS),
            item_means=rng.uniform(1, 5, ITEMS).astype(np.float32),
        ),
    )
    sample = no_parity_sample(RANK)
    sample.ranking_vectors.resize((0, RANK), refcheck=False)
    published = store.publish(release, items, sample)
    store.promote(release.version)
    return published


def rate_everything(user_id: int) -> None:
    """Store a rating of each title, within an application context."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    db.session.execute(
        db.insert(Rating),
        [
            {
                "user_id": user_id,
                "item_id": item_id,
                "rating": 0.5 + item_id % 10 / 2,
                "rated_at": now - timedelta(minutes=item_id),
                "predicted": 3.0,
                "community": 3.5,
            }
            for item_id in range(1, ITEMS + 1)
        ],
    )
    db.session.commit()
