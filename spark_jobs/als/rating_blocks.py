"""Builds cached blocks of ratings, by user and by item, for the solver to pass over.

A counting sort groups every partition by user and cuts it into one fragment for each block; a
shuffle of whole arrays joins a block's fragments and keeps the newest rating of each pair. The
blocks by item are built from those alike. No step handles single ratings outside compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark import RDD

from recommender.arrays import Float32Array, FloatArray, Int64Array, IntArray
from recommender.errors import DataError
from recommender.item_index import UNKNOWN
from spark_jobs.als import ordering
from spark_jobs.als.row_lookup import LARGEST_TABLE, RowLookup
from spark_jobs.array_cache import CachedArrays, cache
from spark_jobs.filesystem import on_one_machine
from spark_jobs.ratings import Ratings

# What a row costs beside its ratings, in ratings: products with the dense Gram matrix.
ROW_COST = 64

Rows = IntArray
Values = FloatArray
HALVES = {
    np.dtype(wide): np.dtype(half)
    for wide, half in ((np.int32, np.uint16), (np.int64, np.uint32), (np.float32, np.float16))
}
# A fragment's position in the input, the number of ratings in each of its rows, and the ratings.
Fragment = tuple[tuple[int, int], NDArray[np.int32], tuple[NDArray[Any], ...]]


class NothingToPack(DataError):
    """There are no ratings, or none of listed items."""


class Block(NamedTuple):
    """Consecutive rows of one side: row ``first_row + r`` has ``columns[starts[r]:starts[r + 1]]``
    and ``values`` alike. No row is empty. Blocks are sent at every pass, so columns are uint16 or
    int32 and values float16 or float32, the narrower where exact: compute with ``wide_values``."""

    first_row: int
    starts: Int64Array
    columns: Rows
    values: Values

    @property
    def counts(self) -> Int64Array:
        return np.diff(self.starts)

    @property
    def rows(self) -> Rows:
        """The row of each rating."""
        return np.repeat(self.first_row + np.arange(len(self.counts), dtype=np.int32), self.counts)

    @property
    def wide_values(self) -> Float32Array:
        """``values`` in single precision: a function of float16 values is rounded to float16."""
        return np.asarray(self.values, np.float32)

    def with_values(self, values: NDArray[Any]) -> Block:
        return self._replace(values=np.asarray(values, np.float32))


@dataclass(frozen=True)
class BlockedSide:
    """Users or items: ``ids`` int64 ascending (the position is the row), ``counts`` of ratings,
    and one cached block a partition, in order of rows."""

    ids: Int64Array
    counts: Int64Array
    blocks: RDD[Block]

    def map(self, function: Callable[[Block], Any]) -> NDArray[Any]:
        """Apply ``function`` to each block and concatenate the results in order of rows."""
        return np.concatenate(self.blocks.map(function).collect())


@dataclass(frozen=True)
class BlockedRatings:
    """One rating for each pair. ``repeated``: how many were left out for a newer one. ``cached``:
    the blocks of both sides that ``unpersist`` frees."""

    users: BlockedSide
    items: BlockedSide
    repeated: int
    cached: tuple[CachedArrays[Block], ...] = ()

    @cached_property
    def count(self) -> int:
        return int(self.users.counts.sum())

    def map_values(self, function: Callable[[Rows, Rows, Values], NDArray[Any]]) -> BlockedRatings:
        """Replace values by ``function(user_rows, item_rows, values)``: computed once and cached in
        files on one machine, at each pass on a cluster."""

        def by_user(block: Block) -> Block:
            return block.with_values(function(block.rows, block.columns, block.wide_values))

        def by_item(block: Block) -> Block:
            return block.with_values(function(block.columns, block.rows, block.wide_values))

        users, items = self.users.blocks.map(by_user), self.items.blocks.map(by_item)
        cached: tuple[CachedArrays[Block], ...] = ()
        if on_one_machine(users.context):
            cached = (cache(users, Block), cache(items, Block))
            users, items = (side.rows for side in cached)
        return replace(
            self,
            users=replace(self.users, blocks=users),
            items=replace(self.items, blocks=items),
            cached=cached,
        )

    def unpersist(self) -> None:
        for side in self.cached:
            side.unpersist()


def build_blocks(
    ratings: RDD[Ratings], listed: Int64Array | None = None, parts: int | None = None
) -> BlockedRatings:
    """Build ``parts`` blocks a side (default: one for each core) of the newest rating of each pair.

    Of two equally new ones the one read later counts. ``listed``: ids of the items to keep,
    ascending (default: all). Raises NothingToPack where nothing is left, DataError where an id is
    negative or a value is not finite.
    """
    context = ratings.context
    parts = parts or context.defaultParallelism
    # Broadcasts are unpersisted, never destroyed: Spark needs them to rebuild a lost block.
    catalogue = context.broadcast(None if listed is None else RowLookup.build(listed))
    tallies = ratings.map(lambda part: _tally(_listed(part, catalogue.value))).collect()
    if not all(tally.sound for tally in tallies):
        raise DataError("ratings: an id below 0, or a value that is not finite; check the input")
    user_ids, user_counts = _total([tally.users for tally in tallies])
    item_ids, item_counts = _total([tally.items for tally in tallies])
    if not len(user_ids):
        raise NothingToPack("ratings: there is nothing to fit; give ratings of listed items")
    lookups = context.broadcast((RowLookup.build(user_ids), RowLookup.build(item_ids)))
    user_cuts, item_cuts = _cuts(user_counts, parts), _cuts(item_counts, parts)

    def by_user(part: int, several: Iterable[Ratings]) -> Iterator[tuple[int, Fragment]]:
        user_lookup, item_lookup = lookups.value
        for n, ratings in enumerate(several):
            kept = _listed(ratings, catalogue.value)
            beside = (item_lookup.rows(kept.items), kept.values, kept.seconds)
            yield from _fragments((part, n), user_lookup.rows(kept.users), beside, user_cuts)

    def by_item(part: int, blocks: Iterable[Block]) -> Iterator[tuple[int, Fragment]]:
        for block in blocks:
            yield from _fragments((part, 0), block.columns, (block.rows, block.values), item_cuts)

    by_users = _blocks(ratings.mapPartitionsWithIndex(by_user), user_cuts, len(item_ids))
    users = cache(by_users, Block)
    by_items = _blocks(users.rows.mapPartitionsWithIndex(by_item), item_cuts, len(user_ids))
    items = cache(by_items, Block)
    lookups.unpersist()
    catalogue.unpersist()
    blocked = BlockedRatings(
        _side(user_ids, users.rows), _side(item_ids, items.rows), 0, (users, items)
    )
    return replace(blocked, repeated=int(user_counts.sum()) - blocked.count)


def _side(ids: Int64Array, blocks: RDD[Block]) -> BlockedSide:
    return BlockedSide(
        ids, np.concatenate(blocks.map(lambda block: block.counts).collect()), blocks
    )


def _listed(ratings: Ratings, catalogue: RowLookup | None) -> Ratings:
    """Return the ratings whose item is in the catalogue."""
    if catalogue is None:
        return ratings
    kept = catalogue.rows(ratings.items) != UNKNOWN
    return ratings if kept.all() else Ratings(*(column[kept] for column in ratings))


@dataclass(frozen=True)
class _Tally:
    """Distinct ids of each side with their numbers of ratings. ``sound``: all values are valid."""

    users: tuple[NDArray[Any], NDArray[Any]]
    items: tuple[NDArray[Any], NDArray[Any]]
    sound: bool


def _tally(ratings: Ratings) -> _Tally:
    lowest = min(ratings.users.min(initial=0), ratings.items.min(initial=0))
    sound = lowest >= 0 and bool(np.isfinite(ratings.values).all())
    return _Tally(_distinct(ratings.users), _distinct(ratings.items), sound)


def _distinct(ids: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(ids) and ids.min() >= 0 and ids.max() <= LARGEST_TABLE:
        counts = np.bincount(ids)
        distinct = np.flatnonzero(counts)
        return distinct.astype(np.int32), counts[distinct]
    return np.unique(ids, return_counts=True)


def _total(tallies: list[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[Int64Array, Int64Array]:
    if not tallies:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ids = np.unique(np.concatenate([found for found, _ in tallies])).astype(np.int64)
    counts = np.zeros(len(ids), np.int64)
    for found, count in tallies:
        counts[np.searchsorted(ids, found)] += count
    return ids, counts


def _cuts(counts: Int64Array, parts: int) -> list[int]:
    """Return the boundaries of ``parts`` runs of rows of about equal cost."""
    cost = np.cumsum(counts + ROW_COST)
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, parts) / parts)
    return [0, *inner.tolist(), len(counts)]


def _fragments(
    place: tuple[int, int], rows: Rows, beside: tuple[NDArray[Any], ...], cuts: list[int]
) -> Iterator[tuple[int, Fragment]]:
    """Group ratings by row and yield one fragment for each block."""
    starts, order = ordering.order_by_row(rows, cuts[-1])
    beside = tuple(_narrow(column)[order] for column in beside)
    for n, (low, high) in enumerate(pairwise(cuts)):
        counts = np.diff(starts[low : high + 1]).astype(np.int32)
        piece = slice(starts[low], starts[high])
        yield n, (place, counts, tuple(column[piece] for column in beside))


def _blocks(fragments: RDD[tuple[int, Fragment]], cuts: list[int], column_count: int) -> RDD[Block]:
    """Join the fragments of each block; where they hold times, keep the newest of each pair."""

    def merge(part: int, keyed: Iterable[tuple[int, Fragment]]) -> list[Block]:
        return [_merge(cuts[part], [fragment for _, fragment in keyed], column_count)]

    together = fragments.partitionBy(len(cuts) - 1, int)
    return together.mapPartitionsWithIndex(merge)


def _merge(first_row: int, fragments: list[Fragment], column_count: int) -> Block:
    """Join one block's fragments, each row's ratings in the order they were read."""
    fragments.sort(key=lambda fragment: fragment[0])
    total = np.sum([counts for _, counts, _ in fragments], axis=0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(total)])
    kinds = [np.result_type(*together) for together in zip(*(f[2] for f in fragments), strict=True)]
    merged = [np.empty(starts[-1], kind) for kind in kinds]
    free = starts[:-1].copy()
    for _, counts, beside in fragments:
        places = ordering.next_places(free, counts)
        for target, column in zip(merged, beside, strict=True):
            target[places] = column
    columns, values = merged[:2]
    if len(merged) > 2:
        newest = ordering.newest(starts, columns, merged[2], column_count)
        starts = np.concatenate([[0], np.cumsum(newest)])[starts]
        columns, values = columns[newest], values[newest]
    return Block(first_row, starts, columns, values)


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    """Convert to half the bytes where that is exact."""
    if column.dtype not in HALVES:
        return column
    with np.errstate(over="ignore"):
        narrow = column.astype(HALVES[column.dtype])
    return narrow if (narrow == column).all() else column
