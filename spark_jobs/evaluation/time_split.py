"""Splits ratings by time: the model is fitted on the earlier ones and asked for the later ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from pyspark import RDD

from recommender.arrays import BoolArray, Int64Array, IntArray
from recommender.errors import DataError
from spark_jobs.als.packing import build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.array_cache import CachedArrays, cache
from spark_jobs.evaluation.splits import Case
from spark_jobs.ratings import Ratings


@dataclass(frozen=True)
class TimeSplit:
    """``regulars``: people who rated before the cut, with what they rated afterwards held out.
    ``newcomers``: people whose first rating is later, all of it ``known``, in order of time."""

    regulars: RDD[Case]
    newcomers: RDD[Case]


@dataclass(frozen=True)
class Timeline:
    """The newest rating of each pair, cached: each user's in one partition, in order of time.

    ``seconds``: of all ratings, ascending.
    """

    ratings: RDD[Ratings]
    seconds: Int64Array

    @classmethod
    def build(cls, ratings: CachedArrays[Ratings], listed: Int64Array) -> Timeline:
        """``listed``: ids of the items to keep."""
        context = ratings.context
        kept, parts = context.broadcast(listed), context.defaultParallelism

        def by_user(part: Ratings) -> Iterator[tuple[int, Ratings]]:
            part = _where(part, np.isin(part.items, kept.value))
            for n in range(parts):
                yield n, _where(part, part.users % parts == n)

        together = ratings.rows.flatMap(by_user).partitionBy(parts, int)
        ordered = together.mapPartitions(lambda keyed: [_in_order(part for _, part in keyed)])
        ordered = ordered.cache()
        return cls(ordered, np.sort(np.concatenate(ordered.map(lambda r: r.seconds).collect())))

    def cut(self, share: float) -> int:
        """Return the second up to which ``share`` of the ratings were given."""
        last = max(1, round(share * len(self.seconds))) - 1
        return int(self.seconds[last])

    def until(self, second: int) -> RDD[Ratings]:
        """Return the ratings given up to ``second``."""
        return self.ratings.map(lambda part: _where(part, part.seconds <= second))

    def fitted(self, second: int) -> BlockedRatings:
        """Build blocks of the ratings given up to ``second``."""
        kept = cache(self.until(second), Ratings)
        blocked = build_blocks(kept)
        kept.unpersist()
        return blocked

    def split(self, cut: int, end: int) -> TimeSplit:
        """Split at ``cut`` what was given up to ``end``. Raises DataError where that is nothing."""
        if cut >= self.seconds[-1]:
            raise DataError(
                "ratings: their times do not differ, so that none is later than the others; leave"
                " protocol T out"
            )
        cases = self.until(end).flatMap(_people).cache()
        return TimeSplit(
            regulars=cases.filter(lambda person: person.first <= cut)
            .map(lambda person: person.case(cut))
            .filter(lambda case: bool(case.held))
            .cache(),
            newcomers=cases.filter(lambda person: person.first > cut)
            .map(lambda person: person.case(end))
            .cache(),
        )


@dataclass(frozen=True)
class _Person:
    """One person's ratings, in order of time."""

    user_id: int
    items: IntArray
    values: list[float]
    seconds: Int64Array

    @property
    def first(self) -> int:
        return int(self.seconds[0])

    def case(self, cut: int) -> Case:
        """Hold out what was rated after ``cut``."""
        pairs = list(zip(self.items.tolist(), self.values, strict=True))
        known = int(np.searchsorted(self.seconds, cut, side="right"))
        return Case(self.user_id, dict(pairs[:known]), dict(pairs[known:]))


def _people(part: Ratings) -> Iterator[_Person]:
    ids, starts = np.unique(part.users, return_index=True)
    ends = [*starts[1:], len(part.users)]
    for user_id, start, end in zip(ids.tolist(), starts, ends, strict=True):
        own = slice(start, end)
        yield _Person(user_id, part.items[own], part.values[own].tolist(), part.seconds[own])


def _in_order(parts: Iterable[Ratings]) -> Ratings:
    """Join parts, keep the newest rating of each pair, and sort by user and time."""
    joined = Ratings._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    by_pair = np.lexsort((joined.seconds, joined.items, joined.users))
    joined = _where(joined, by_pair)
    users, items = joined.users, joined.items
    newest = np.append((users[1:] != users[:-1]) | (items[1:] != items[:-1]), True)
    joined = _where(joined, newest[: len(users)])
    return _where(joined, np.lexsort((joined.items, joined.seconds, joined.users)))


def _where(ratings: Ratings, places: BoolArray | Int64Array) -> Ratings:
    return Ratings._make(column[places] for column in ratings)
