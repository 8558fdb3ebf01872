"""Builds blocks of ratings, by user and by item.

A counting sort groups every part of the input by user; each block joins its rows of all parts and
keeps the newest rating of each pair. The blocks by item are built from those alike. No step handles
single ratings outside compiled code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Int64Array
from recommender.catalogue import LARGEST_ID
from recommender.errors import DataError
from recommender.item_index import UNKNOWN
from spark_jobs.als import ordering
from spark_jobs.als.rating_blocks import Block, BlockedRatings, BlockedSide, Rows
from spark_jobs.als.row_lookup import LARGEST_TABLE, RowLookup
from spark_jobs.array_cache import CachedArrays, Regrouping
from spark_jobs.filesystem import on_one_machine
from spark_jobs.ratings import Ratings

# What a row costs beside its ratings, in ratings: products with the dense Gram matrix.
ROW_COST = 64
# Blocks of a side on one machine: enough for threads to end at the same time, and few enough not to
# cost more than they balance. By the number of ratings alone, so that sums over blocks are the same
# on every machine.
RATINGS_A_BLOCK = 50_000
MOST_BLOCKS = 256

HALVES = {
    np.dtype(wide): np.dtype(half)
    for wide, half in ((np.int32, np.uint16), (np.int64, np.uint32), (np.float32, np.float16))
}


class NothingToPack(DataError):
    """There are no ratings, or none of listed items."""


class Grouped(NamedTuple):
    """Ratings in order of rows: row ``r`` is ``starts[r]`` to ``starts[r + 1]`` of all arrays.
    ``seconds``: where pairs may be repeated, when each rating was given."""

    starts: Int64Array
    columns: Rows
    values: NDArray[Any]
    seconds: NDArray[Any] | None


def build_blocks(
    ratings: CachedArrays[Ratings], listed: Int64Array | None = None, parts: int | None = None
) -> BlockedRatings:
    """Build ``parts`` blocks a side (default: by the number of ratings on one machine, one for each
    core of a cluster) of the newest rating of each pair.

    Of two equally new ones the one read later counts. ``listed``: ids of the items to keep,
    ascending (default: all). Raises NothingToPack where nothing is left, DataError where an id is
    negative or a value is not finite.
    """
    # What is shared is unpersisted, never destroyed: Spark needs it to rebuild a lost block.
    catalogue = ratings.share(None if listed is None else RowLookup.build(listed))
    tallies = list(ratings.map(lambda part: _tally(_listed(part, catalogue.value))))
    if not all(tally.sound for tally in tallies):
        raise DataError("ratings: an id below 0, or a value that is not finite; check the input")
    user_ids, user_counts = _total([tally.users for tally in tallies])
    item_ids, item_counts = _total([tally.items for tally in tallies])
    if not len(user_ids):
        raise NothingToPack("ratings: there is nothing to fit; give ratings of listed items")
    lookups = ratings.share((RowLookup.build(user_ids), RowLookup.build(item_ids)))
    parts = parts or _block_count(ratings, int(user_counts.sum()))

    def by_user(ratings: Ratings) -> Grouped:
        user_lookup, item_lookup = lookups.value
        kept = _listed(ratings, catalogue.value)
        users, items = user_lookup.rows(kept.users), item_lookup.rows(kept.items)
        return _group(users, len(user_lookup.ids), items, kept.values, kept.seconds)

    item_count = len(item_ids)

    def by_item(block: Block) -> Grouped:
        return _group(block.columns, item_count, block.rows, block.values)

    users = _blocks(ratings, by_user, _cuts(user_counts, parts), len(item_ids))
    items = _blocks(users, by_item, _cuts(item_counts, parts), len(user_ids))
    blocked = BlockedRatings(_side(user_ids, users), _side(item_ids, items), 0)
    lookups.unpersist()
    catalogue.unpersist()
    return replace(blocked, repeated=int(user_counts.sum()) - blocked.count)


def _block_count(ratings: CachedArrays[Ratings], count: int) -> int:
    if not on_one_machine(ratings.context):
        return ratings.context.defaultParallelism
    return min(max(1, count // RATINGS_A_BLOCK), MOST_BLOCKS)


def _side(ids: Int64Array, blocks: CachedArrays[Block]) -> BlockedSide:
    return BlockedSide(ids, np.concatenate(list(blocks.map(lambda block: block.counts))), blocks)


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
    first = int(ids.min(initial=LARGEST_ID))
    if len(ids) and first >= 0 and int(ids.max()) - first <= LARGEST_TABLE:
        counts = np.bincount(ids - np.int32(first))
        distinct = np.flatnonzero(counts)
        return (distinct + first).astype(np.int32), counts[distinct]
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


def _group(
    rows: Rows,
    row_count: int,
    columns: Rows,
    values: NDArray[Any],
    seconds: Int64Array | None = None,
) -> Grouped:
    starts, order = ordering.order_by_row(rows, row_count)
    ordered = None if seconds is None else _narrow(seconds)[order]
    return Grouped(starts, _narrow(columns)[order], _narrow(values)[order], ordered)


def _blocks(
    source: CachedArrays[Any], group: Callable[[Any], Grouped], cuts: list[int], column_count: int
) -> CachedArrays[Block]:
    """Regroup by row into blocks that end at ``cuts``."""

    def cut(grouped: Grouped, part: int) -> Grouped:
        starts = grouped.starts[cuts[part] : cuts[part + 1] + 1]
        piece = slice(starts[0], starts[-1])
        seconds = None if grouped.seconds is None else grouped.seconds[piece]
        return Grouped(starts - starts[0], grouped.columns[piece], grouped.values[piece], seconds)

    def merge(part: int, pieces: list[Grouped]) -> Block:
        return _merge(cuts[part], pieces, column_count)

    return source.exchange(Regrouping(group, cut, merge, len(cuts) - 1, Grouped, Block))


def _merge(first_row: int, pieces: list[Grouped], column_count: int) -> Block:
    """Join one block's pieces, each row's ratings in the order they were read; where pieces have
    times, keep the newest of each pair."""
    counts = [np.diff(piece.starts).astype(np.int32) for piece in pieces]
    starts = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0, dtype=np.int64))])
    beside = [piece[1:] if piece.seconds is not None else piece[1:3] for piece in pieces]
    kinds = [np.result_type(*together) for together in zip(*beside, strict=True)]
    merged = [np.empty(starts[-1], kind) for kind in kinds]
    free = starts[:-1].copy()
    for count, arrays in zip(counts, beside, strict=True):
        places = ordering.next_places(free, count)
        for target, array in zip(merged, arrays, strict=True):
            target[places] = array
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
