"""Generate realistic ratings: a few users and items have most of them, tastes determine which items
are rated and how, and stars are halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

TASTES = 8
ACTIVITY_SPREAD = 1.2  # standard deviation of the log-normal activity of users
MOST_ACTIVE = 15.0  # maximum, as a multiple of the median
POPULARITY_POWER = 0.85  # popularity falls with rank to this power
DRAWN = 1 << 22  # pairs drawn at a time
LOOKUP = 1 << 22  # entries of the table from which users and items are drawn

Rows = NDArray[np.int32]
Stars = NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    ratings: int
    users: int
    items: int


SIZES = {
    "tiny": Size(3_000, 300, 120),
    "1m": Size(1_000_000, 7_000, 3_700),
    "10m": Size(10_000_000, 70_000, 10_700),
    "25m": Size(25_000_000, 162_000, 59_000),
}


@dataclass(frozen=True)
class Ratings:
    """One entry per rating, in random order, no pair twice; users and items are rows from 0."""

    users: Rows
    items: Rows
    stars: Stars


def generate(size: Size, seed: int = 1) -> Ratings:
    """Generate ``size.ratings`` ratings, deterministic for a seed."""
    random = np.random.default_rng(seed)
    activity = np.minimum(np.exp(ACTIVITY_SPREAD * random.standard_normal(size.users)), MOST_ACTIVE)
    popularity = 1 / random.permutation(np.arange(1, size.items + 1)) ** POPULARITY_POWER
    tastes = random.standard_normal((size.users, TASTES), np.float32) / np.float32(TASTES**0.5)
    traits = random.standard_normal((size.items, TASTES), np.float32)
    pairs = _pairs(random, size, _lookup(activity), _lookup(popularity), tastes, traits)
    users, items = (pairs // size.items).astype(np.int32), (pairs % size.items).astype(np.int32)
    user_bias = 0.4 * random.standard_normal(size.users, np.float32)
    item_bias = 0.5 * random.standard_normal(size.items, np.float32)
    noise = 0.6 * random.standard_normal(len(pairs), np.float32)
    felt = 3.3 + user_bias[users] + item_bias[items] + 0.5 * _affinity(tastes, traits, users, items)
    stars = np.clip(np.round(2 * (felt + noise)) / 2, 0.5, 5)
    return Ratings(users, items, stars.astype(np.float32))


def _pairs(
    random: Generator, size: Size, people: Rows, titles: Rows, tastes: Stars, traits: Stars
) -> NDArray[np.int64]:
    """Return distinct ``user · items + item``: drawn by activity and popularity, kept by taste."""
    found = np.empty(0, np.int64)
    while len(found) < size.ratings:
        wanted = size.ratings - len(found)
        drawn = [found]
        for _ in range(0, 3 * wanted, DRAWN):
            users = people[random.integers(0, len(people), min(DRAWN, 3 * wanted))]
            items = titles[random.integers(0, len(titles), len(users))]
            likely = 1 / (1 + np.exp(-2 * _affinity(tastes, traits, users, items)))
            kept = random.random(len(users), np.float32) < likely
            drawn.append(users[kept].astype(np.int64) * size.items + items[kept])
        found = np.unique(np.concatenate(drawn))
    return random.permutation(found)[: size.ratings]


def _lookup(weights: NDArray[np.float64]) -> Rows:
    """Return a table with each row in proportion to its weight, and at least once."""
    times = np.maximum(1, np.round(weights / weights.sum() * LOOKUP)).astype(np.int64)
    return np.repeat(np.arange(len(weights), dtype=np.int32), times)


def _affinity(tastes: Stars, traits: Stars, users: Rows, items: Rows) -> Stars:
    return np.einsum("nk,nk->n", tastes[users], traits[items])
