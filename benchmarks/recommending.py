"""Recommend with fitted factors, by Marquee and other libraries, in its own process; print JSON.

    python -m benchmarks.recommending fit TRAIN.parquet FITTED.npz       # for the others
    python -m benchmarks.recommending one TRAIN.parquet FITTED.npz       # one user at a time
    python -m benchmarks.recommending everyone TRAIN.parquet FITTED.npz  # as a Spark job

``one``: microseconds on one core to fold in a user and find the best 20 items, in the fitted
catalogue and in one of a million items with vectors of the same length. Surprise loops over the
catalogue for a few users of its fit. ``everyone``: seconds to find the best 20 items for all users
with ratings; for MLlib, measured on a part of the users and scaled.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nlargest
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.data import Person, by_person
from benchmarks.generate import Ratings
from benchmarks.peers import BEST, PARAMS, ours
from recommender.catalogue import Catalogue
from recommender.fold_in import Ridge, fold_in_ranking, gram, preference
from recommender.model import Model, Recommendation
from recommender.params import RatingParams
from recommender.storage.release import ItemArrays, Release
from recommender.top_n import BestFirst

N = 20
PEOPLE = 400
FEW = 3
TURNS = 5
LARGE, LARGE_RANK = 1_000_000, 50
SLICE = 2_000

Call = Callable[[], object]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """``factors``: (items, rank) float32 of the ranking model. ``counts``: ratings of each item."""

    factors: Vectors
    counts: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> Fitted:
        with np.load(path) as arrays:
            return cls(arrays["factors"], arrays["counts"])


def fit(train: Path, fitted: Path) -> dict[str, float]:
    seconds, _, factors = ours(train, PARAMS)
    counts = np.bincount(data.read(train).items, minlength=len(factors))
    np.savez(fitted, factors=factors, counts=counts)
    return {"seconds": seconds}


def one_at_a_time(train: Path, fitted: Path) -> dict[str, float]:
    ratings, known = data.read(train), Fitted.read(fitted)
    factors, counts = known.factors, known.counts
    people = some_people(ratings)
    model = Model(release_of(known))
    output = [dict(zip(rows.tolist(), stars.tolist(), strict=True)) for rows, stars in people]
    ranked, large = _Ranked(factors, counts), _Ranked(_enlarged(factors), np.zeros(LARGE))
    spread = np.random.default_rng(3)
    strangers = [(spread.choice(LARGE, len(rows), replace=False), stars) for rows, stars in people]
    return _alternately(
        {
            "ranking alone": [partial(_rank, ranked, person) for person in people],
            "as served": [partial(_serve, model, rated) for rated in output],
            "implicit": _implicit(factors, people),
            "a million titles": [partial(_rank, large, person) for person in strangers],
            "surprise": _surprise(people[:FEW], len(factors)),
        }
    )


class _Ranked:
    """Only the ranking model, ready to serve."""

    def __init__(self, factors: Vectors, counts: NDArray[Any]):
        self.factors = factors
        self.gram = gram(factors)
        self.ridge = Ridge.from_params(PARAMS, len(factors))
        self.best_first = BestFirst(factors, PARAMS.popularity_weight * np.log1p(counts))


def _rank(ranked: _Ranked, person: Person) -> NDArray[np.int64]:
    rows, stars = person
    preferences = preference(stars, PARAMS.neutral, BEST)
    vector = fold_in_ranking(
        ranked.gram, ranked.factors[rows], preferences, PARAMS.alpha, ranked.ridge
    )
    return ranked.best_first.top(vector, N, rows)[0]


def _serve(model: Model, ratings: dict[int, float]) -> list[Recommendation]:
    return model.recommend(model.fold_in(ratings), N)


def _implicit(factors: Vectors, people: Sequence[Person]) -> list[Call]:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    peer = AlternatingLeastSquares(
        factors=factors.shape[1], regularization=PARAMS.regularization, num_threads=1
    )
    peer.item_factors, peer.user_factors = factors, np.zeros((1, factors.shape[1]), np.float32)
    calls: list[Call] = []
    for rows, stars in people:
        liked = preference(stars, PARAMS.neutral, BEST)
        values = (np.sign(liked) + PARAMS.alpha * liked).astype(np.float32)
        output = csr_matrix((values, (np.zeros(len(rows), int), rows)), (1, len(factors)))
        calls.append(partial(peer.recommend, 0, output, N=N, recalculate_user=True))
    return calls


def _surprise(people: Sequence[Person], items: int) -> list[Call]:
    """Measure Surprise: ``predict`` for every unrated item, then the best of them.

    The cost does not depend on the fit: its data are one rating per item and those of the users.
    """
    from surprise import SVD, Dataset, Reader

    output: list[tuple[object, int, float, None]] = [("", item, 3.0, None) for item in range(items)]
    for user, (rows, stars) in enumerate(people):
        output += [(user, r, s, None) for r, s in zip(rows.tolist(), stars.tolist(), strict=True)]
    known = Dataset(Reader(rating_scale=(0.5, BEST))).construct_trainset(output)
    peer = SVD(n_factors=PARAMS.rank, n_epochs=1, random_state=1).fit(known)

    def best(user: int, rated: set[int]) -> list[Any]:
        predicted = (peer.predict(user, item) for item in range(items) if item not in rated)
        return nlargest(N, predicted, key=lambda prediction: prediction.est)

    return [partial(best, user, set(rows.tolist())) for user, (rows, _) in enumerate(people)]


def _alternately(calls_of: dict[str, list[Call]]) -> dict[str, float]:
    """Return, for each, the median over turns of the mean microseconds per call."""
    seconds: dict[str, list[float]] = {name: [] for name in calls_of}
    for _ in range(TURNS + 1):
        for name, calls in calls_of.items():
            started = time.perf_counter()
            for call in calls:
                call()
            seconds[name].append((time.perf_counter() - started) / len(calls))
    return {name: 1e6 * float(np.median(turns[1:])) for name, turns in seconds.items()}


def some_people(ratings: Ratings) -> list[Person]:
    """Return a random sample of users with ratings."""
    random = np.random.default_rng(2)
    there = np.unique(ratings.users)
    return by_person(ratings, np.sort(random.choice(there, min(PEOPLE, len(there)), replace=False)))


def most_active(ratings: Ratings, number: int) -> list[Person]:
    """Return the users with the most ratings."""
    active = np.argsort(-np.bincount(ratings.users), kind="stable")[:number]
    return by_person(ratings, np.sort(active))


def _enlarged(factors: Vectors) -> Vectors:
    """Return a million vectors with lengths and directions similar to fitted ones."""
    random = np.random.default_rng(4)
    drawn = factors[random.integers(0, len(factors), LARGE), :LARGE_RANK]
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    noise = random.standard_normal(drawn.shape, np.float32) / np.float32(LARGE_RANK**0.5)
    moved = drawn + np.float32(0.5) * lengths * noise
    return np.asarray(moved * (lengths / np.linalg.norm(moved, axis=1, keepdims=True).clip(1e-9)))


def release_of(fitted: Fitted, version: str = "benchmark") -> Release:
    """Return a release in memory, whose rating model is as expensive as a fitted one."""
    items, rank = fitted.factors.shape
    random = np.random.default_rng(5)
    arrays = ItemArrays(
        item_ids=np.arange(items),
        ranking_factors=fitted.factors,
        rating_factors=0.1 * random.standard_normal((items, rank), np.float32),
        item_bias=np.zeros(items, np.float32),
        item_counts=fitted.counts,
        item_means=np.full(items, 3.5, np.float32),
    )
    catalogue = Catalogue("generated", "movie", "explicit", 0.5, BEST, 0.5, 0, 0, items, 0)
    made_at = "2026-01-01T00:00:00+00:00"
    ranking, rating = replace(PARAMS, rank=rank), RatingParams(rank=rank)
    return Release(version, made_at, catalogue, ranking, rating, 3.5, arrays)


def everyone(train: Path, fitted: Path) -> dict[str, float]:
    from pyspark.ml.recommendation import ALS

    from spark_jobs.als.packing import build_blocks
    from spark_jobs.array_cache import cache
    from spark_jobs.ratings import Ratings as Arrays
    from spark_jobs.recommend import recommend_all
    from spark_jobs.session import build_session

    ratings, model = data.read(train), Model(release_of(Fitted.read(fitted)))
    spark = build_session("benchmark")
    arrays = Arrays(
        ratings.users, ratings.items, ratings.stars, np.zeros(len(ratings.stars), np.int64)
    )
    kept = cache(spark.sparkContext.parallelize([arrays], 1), Arrays)
    stars = build_blocks(kept, np.arange(len(model.items.index)))
    seconds, titles = {}, [""] * len(model.items.index)
    recommend_all(spark, stars, model, 1, titles).write.format("noop").mode("overwrite").save()
    started = time.perf_counter()
    recommend_all(spark, stars, model, N, titles).write.format("noop").mode("overwrite").save()
    seconds["ours"] = time.perf_counter() - started
    frame = spark.read.parquet(str(train))
    als = ALS(userCol="user_id", itemCol="item_id", ratingCol="stars", rank=PARAMS.rank, maxIter=1)
    peer = als.fit(frame)
    people = frame.select("user_id").distinct().limit(SLICE).cache()
    share = people.count() / len(stars.users.ids)
    started = time.perf_counter()
    peer.recommendForUserSubset(people, N).write.format("noop").mode("overwrite").save()
    seconds["mllib"] = (time.perf_counter() - started) / share
    return seconds


def main() -> None:
    measure = {"fit": fit, "one": one_at_a_time, "everyone": everyone}[sys.argv[1]]
    print(json.dumps(measure(*map(Path, sys.argv[2:]))))


if __name__ == "__main__":
    main()
