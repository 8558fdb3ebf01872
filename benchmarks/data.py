"""Split generated ratings into training and test files, once for all fits of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.generate import SIZES, Ratings, generate
from recommender import metrics
from recommender.top_n import top_n

JUDGED = 2_000  # people
HELD_OUT = 0.2  # of the ratings that each user liked
LIKED = 4.0
TOP = 10
# Item rows and stars of one user's ratings.
Person = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Split:
    """``test``: liked ratings of users in ``train`` that are not part of ``train``."""

    train: Ratings
    test: Ratings


def split(name: str, seed: int = 1) -> Split:
    ratings = generate(SIZES[name], seed)
    random = np.random.default_rng(seed + 1)
    people = SIZES[name].users
    judged = np.zeros(people, bool)
    judged[random.choice(people, min(JUDGED, people), replace=False)] = True
    out = judged[ratings.users] & (ratings.stars >= LIKED)
    out &= random.random(len(out), np.float32) < HELD_OUT
    return Split(_where(ratings, ~out), _where(ratings, out))


def _where(ratings: Ratings, kept: NDArray[np.bool_]) -> Ratings:
    return Ratings(ratings.users[kept], ratings.items[kept], ratings.stars[kept])


def write(ratings: Ratings, path: Path) -> None:
    columns = {"user_id": ratings.users, "item_id": ratings.items, "stars": ratings.stars}
    pq.write_table(pa.table(columns), path, row_group_size=1_000_000)


def read(path: Path) -> Ratings:
    table = pq.read_table(path)
    return Ratings(*(table[name].to_numpy() for name in ("user_id", "item_id", "stars")))


def ndcg(
    parts: Split, user_factors: NDArray[np.float32], item_factors: NDArray[np.float32]
) -> float:
    """Return the mean NDCG@10 of the test people, ranking the whole catalogue except their ratings.

    Rows of the factors are those of the ratings.
    """
    people = np.unique(parts.test.users)
    rated, liked = by_person(parts.train, people), by_person(parts.test, people)
    values = []
    for person, (known, _), (relevant, _) in zip(people, rated, liked, strict=True):
        ranked = top_n(item_factors @ user_factors[person], TOP, known)
        values.append(metrics.ndcg(metrics.hits(ranked, relevant, TOP), len(relevant)))
    return float(np.mean(values))


def by_person(ratings: Ratings, people: NDArray[np.integer]) -> list[Person]:
    """Return the ratings of each of ``people``, whose rows are ascending."""
    chosen = np.isin(ratings.users, people)
    order = np.argsort(ratings.users[chosen], kind="stable")
    bounds = np.searchsorted(ratings.users[chosen][order], people)[1:]
    items = np.split(ratings.items[chosen][order].astype(np.int64), bounds)
    stars = np.split(ratings.stars[chosen][order].astype(np.float64), bounds)
    return list(zip(items, stars, strict=True))
