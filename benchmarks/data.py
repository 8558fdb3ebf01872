"""Generated ratings as training and test parts on disk, made once for all contenders of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.generate import SIZES, Ratings, generate

JUDGED = 2_000  # people
HELD_OUT = 0.2  # of what each of them liked
LIKED = 4.0
TOP = 10


@dataclass(frozen=True)
class Split:
    """``test``: liked ratings of people in ``train`` that are not in it."""

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
    """Mean NDCG@10 of the test people, the whole catalogue ranked but for what they rated; rows of
    the factors are those of the ratings."""
    people = np.unique(parts.test.users)
    seen, liked = _by_person(parts.train, people), _by_person(parts.test, people)
    discounts = 1 / np.log2(np.arange(2, TOP + 2))
    gains = []
    for person, known, wanted in zip(people, seen, liked, strict=True):
        scores = item_factors @ user_factors[person]
        scores[known] = -np.inf
        best = np.argpartition(-scores, TOP)[:TOP]
        best = best[np.argsort(-scores[best])]
        hits = np.isin(best, wanted)
        gains.append(discounts[hits].sum() / discounts[: len(wanted)].sum())
    return float(np.mean(gains))


def _by_person(ratings: Ratings, people: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    theirs = np.isin(ratings.users, people)
    users, items = ratings.users[theirs], ratings.items[theirs]
    order = np.argsort(users, kind="stable")
    bounds = np.searchsorted(users[order], people)
    return np.split(items[order], bounds[1:])
