"""Splits ratings for evaluation: to fit on, to fold in, to hold out.

Splits are drawn by hashing ids with a seed, so they do not depend on how ratings are partitioned or
in what order they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark import RDD

from recommender.arrays import BoolArray, Float64Array, Int64Array, IntArray
from spark_jobs.als.packing import build_blocks
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.ratings import Ratings

HELD_OUT = 0.2
FOLDED_IN = 0.8
STRATIFIED = 0.75
# The splits that results are reported on, and where the seeds of validation splits begin.
TEST_SEEDS = range(5)
VALIDATION_SEEDS = 1000

Ids = Int64Array
Mask = BoolArray


class Roles(NamedTuple):
    """Which ratings the model is fitted on, which are folded in, and which are to be predicted."""

    fitted: Mask
    known: Mask
    held: Mask


@dataclass(frozen=True)
class Case:
    """A person to test on: ratings by item id, known and held out, in random order."""

    user_id: int
    known: dict[int, float]
    held: dict[int, float]


# (ids of each rating's user and item, starts of each user's ratings) -> roles of the ratings
Divide = Callable[[Ids, Ids, Ids], Roles]


@dataclass(frozen=True)
class Split:
    """``divide``: gives the roles of the ratings ``stars``. ``cases``: the people, cached."""

    stars: BlockedRatings
    divide: Divide
    cases: RDD[Case]

    def fitted(self) -> BlockedRatings:
        """Build blocks of the ratings to fit on."""
        stars, divide = self.stars, self.divide
        ids = stars.users.share((stars.users.ids, stars.items.ids))

        def ratings(block: Block) -> Ratings:
            users, items, roles = _divided(block, ids.value, divide)
            kept = roles.fitted
            return Ratings(
                users=users[kept].astype(np.int32),
                items=items[kept].astype(np.int32),
                values=np.asarray(block.values[kept], np.float32),
                seconds=np.zeros(kept.sum(), np.int64),
            )

        kept = stars.users.blocks.derive(ratings, Ratings)
        blocked = build_blocks(kept)
        kept.unpersist()
        return blocked


def mixed(seed: int, *ids: IntArray) -> NDArray[np.uint64]:
    """Hash each tuple of ids by the finalizer of SplitMix64 (Steele et al. 2014)."""
    state = np.full(ids[0].shape, seed + 1, np.uint64)
    for column in ids:
        state = (state + column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state


def uniform(seed: int, *ids: IntArray) -> Float64Array:
    """Draw a number in [0, 1) for each tuple of ids."""
    return (mixed(seed, *ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def by_rating(seed: int) -> Divide:
    """Protocol A: one rating in five is held out."""
    return _ratings(seed, 0.0, HELD_OUT)


def rating_fold(seed: int, fold: int, folds: int) -> Divide:
    """As A, but that each rating is held out in one of the ``folds``."""
    return _ratings(seed, fold / folds, (fold + 1) / folds)


def by_person(seed: int, user_ids: Ids, most: int | None = None) -> Divide:
    """Protocol B: one person in five is held out, 80 % of their ratings are folded in.

    ``most``: no more people than that. The same people as long as they are among ``user_ids`` and
    few others join them.
    """
    drawn = np.argsort(uniform(seed, user_ids), kind="stable")
    share = int(len(user_ids) * HELD_OUT)
    chosen = np.sort(user_ids[drawn[: share if most is None else min(share, most)]])
    return _people(seed, chosen)


def person_fold(seed: int, user_ids: Ids, fold: int, folds: int) -> Divide:
    """As B, but that each person is held out in one of the ``folds``."""
    drawn = np.argsort(uniform(seed, user_ids), kind="stable")
    return _people(seed, np.sort(user_ids[drawn[fold::folds]]))


def within_person(seed: int) -> Divide:
    """Protocol C: a quarter of each person's ratings is held out."""

    def divide(users: Ids, items: Ids, starts: Ids) -> Roles:
        known = _first(seed, users, items, starts, STRATIFIED)
        return Roles(known, known, ~known)

    return divide


def validation(divide_for: Callable[[int], Divide], seed: int) -> Divide:
    """Make a split to choose parameters on, with a seed of its own.

    It tests on no person (B) or rating (A, C) that a split of ``TEST_SEEDS`` tests on; these are in
    no part.
    """
    drawn, tests = divide_for(VALIDATION_SEEDS + seed), [divide_for(test) for test in TEST_SEEDS]

    def divide(users: Ids, items: Ids, starts: Ids) -> Roles:
        roles = drawn(users, items, starts)
        spared = np.all([test(users, items, starts).fitted for test in tests], axis=0)
        known = roles.known & (roles.fitted | spared)
        return Roles(roles.fitted, known, roles.held & spared)

    return divide


def split(stars: BlockedRatings, divide: Divide, seed: int) -> Split:
    """Split ratings. People with nothing to fold in, or nothing held out, are not tested on."""
    ids = stars.users.blocks.context.broadcast((stars.users.ids, stars.items.ids))

    def cases(block: Block) -> list[Case]:
        users, items, roles = _divided(block, ids.value, divide)
        tested = _any(roles.known, block.starts) & _any(roles.held, block.starts)
        people = []
        for row in np.flatnonzero(tested):
            places = np.arange(block.starts[row], block.starts[row + 1])
            drawn = uniform(seed, users[places], items[places])
            places = places[np.argsort(drawn, kind="stable")]
            chosen = (places[mask[places]] for mask in (roles.known, roles.held))
            known, held = (
                dict(zip(items[part].tolist(), block.values[part].tolist(), strict=True))
                for part in chosen
            )
            people.append(Case(int(users[places[0]]), known, held))
        return people

    return Split(stars, divide, stars.users.blocks.rows.flatMap(cases).cache())


def _divided(block: Block, ids: tuple[Ids, Ids], divide: Divide) -> tuple[Ids, Ids, Roles]:
    """Return the ids of each rating's user and item, and the roles of the ratings.

    ``ids``: of all users and of all items.
    """
    user_ids, item_ids = ids
    users, items = user_ids[block.rows], item_ids[block.columns]
    return users, items, divide(users, items, block.starts)


def user_ids(cases: RDD[Case]) -> Ids:
    """Return the person of each case, in the order of the cases."""
    return np.array(cases.map(lambda case: case.user_id).collect(), np.int64)


def _any(mask: Mask, starts: Int64Array) -> Mask:
    """Whether the mask is True anywhere in each row."""
    return np.asarray(np.logical_or.reduceat(mask, starts[:-1]))


def _ratings(seed: int, low: float, high: float) -> Divide:
    def divide(users: Ids, items: Ids, _: object) -> Roles:
        drawn = uniform(seed, users, items)
        held = (drawn >= low) & (drawn < high)
        return Roles(~held, ~held, held)

    return divide


def _people(seed: int, chosen: Ids) -> Divide:
    def divide(users: Ids, items: Ids, starts: Ids) -> Roles:
        rows = np.isin(users[starts[:-1]], chosen)
        counts = np.diff(starts)
        held_out, known = np.repeat(rows, counts), np.zeros(len(users), bool)
        apart = np.concatenate([[0], np.cumsum(counts[rows])])
        known[held_out] = _first(seed, users[held_out], items[held_out], apart, FOLDED_IN)
        return Roles(~held_out, known, held_out & ~known)

    return divide


def _first(seed: int, users: Ids, items: Ids, starts: Ids, share: float) -> Mask:
    """Select the first ``share`` of each person's ratings, in random order; at least one."""
    counts = np.diff(starts)
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((uniform(seed, users, items), rows))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - starts[rows]
    return place < np.maximum(1, (share * counts).astype(np.int64))[rows]
