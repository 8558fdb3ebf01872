"""Ratings packed once into cached blocks, by user and by item, for the solver to pass over.

Every partition of the frame becomes numpy arrays by way of Arrow, is grouped by row with a counting
sort, and cut into one fragment for each block; a shuffle of whole arrays brings a block's fragments
together. No step sorts, and none handles single ratings outside compiled code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import RDD, StorageLevel
from pyspark.sql import DataFrame

from recommender.errors import DataError
from spark_jobs import kernels
from spark_jobs.session import arrow_batches

# What a row costs beside its ratings, in ratings: products with the dense Gram matrix.
ROW_COST = 64
# Ids up to this are looked up in a table; larger ones by bisection.
LARGEST_TABLE = 20_000_000

Ids = NDArray[np.int32]
Triples = tuple[Ids, Ids, NDArray[np.float32]]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one side: row ``first_row + r`` has ``columns[starts[r]:starts[r + 1]]``
    and the ``values`` beside them."""

    first_row: int
    starts: NDArray[np.int64]
    columns: Ids
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Side:
    """Users or items: ``ids`` int64 ascending (the position is the row), ``counts`` of ratings,
    ``positives`` of values above 0, and which partitions hold the side's blocks."""

    ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    positives: NDArray[np.int64]
    partitions: list[int]


@dataclass(frozen=True)
class Packed:
    """``blocks``: one a partition, users' first, cached."""

    users: Side
    items: Side
    blocks: RDD[Block]

    def unpersist(self) -> None:
        self.blocks.unpersist()


def pack(frame: DataFrame, column: str, parts: int | None = None) -> Packed:
    """Pack user_id, item_id and ``column`` into ``parts`` blocks a side (twice the cores).

    Raises DataError where there is nothing to pack, or a value is not finite.
    """
    context = frame.sparkSession.sparkContext
    parts = parts or 2 * context.defaultParallelism
    triples = _triples(frame, column).persist(StorageLevel.MEMORY_AND_DISK)
    tallies = triples.map(_tally).collect()
    if not all(finite for *_, finite in tallies):
        raise DataError(f"{column}: not every value is a finite number; check the input")
    users, user_rows = _side([tally[0] for tally in tallies], range(parts))
    items, item_rows = _side([tally[1] for tally in tallies], range(parts, 2 * parts))
    if not len(users.ids):
        raise DataError(f"{column}: there is nothing to fit; give ratings")
    cuts = (_cuts(users, parts), _cuts(items, parts))
    lookups = context.broadcast((user_rows, item_rows))

    def fragments(part: int, arrays: Iterable[Triples]) -> Iterator[tuple[int, Any]]:
        find_users, find_items = lookups.value
        for user_ids, item_ids, values in arrays:
            rows, columns = find_users(user_ids), find_items(item_ids)
            for side, (a, b) in enumerate(((rows, columns), (columns, rows))):
                starts, cols, vals = kernels.group_by_row(a, b, values, cuts[side][-1])
                for n, (low, high) in enumerate(zip(cuts[side], cuts[side][1:], strict=False)):
                    piece = slice(starts[low], starts[high])
                    counts = np.diff(starts[low : high + 1]).astype(np.int32)
                    yield side * parts + n, (part, counts, cols[piece], vals[piece])

    first_rows = [*cuts[0][:-1], *cuts[1][:-1]]
    blocks = (
        triples.mapPartitionsWithIndex(fragments)
        .partitionBy(2 * parts, int)
        .mapPartitionsWithIndex(lambda n, pieces: [_merge(first_rows[n], pieces)])
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    blocks.count()
    triples.unpersist()
    lookups.unpersist()
    return Packed(users, items, blocks)


def _triples(frame: DataFrame, column: str) -> RDD[Triples]:
    """One triple of arrays for each partition of the frame."""

    def to_arrays(batches: Iterable[pa.RecordBatch]) -> Iterator[Triples]:
        table = pa.Table.from_batches(list(batches), schema)
        yield tuple(table[n].to_numpy() for n in range(3))

    schema = pa.schema([("u", pa.int32()), ("i", pa.int32()), ("v", pa.float32())])
    narrow = frame.selectExpr("int(user_id) u", "int(item_id) i", f"float(`{column}`) v")
    return arrow_batches(narrow, schema).mapPartitions(to_arrays)


def _tally(triples: Triples) -> tuple[Any, Any, bool]:
    users, items, values = triples
    positive = values > 0
    return _counts(users, positive), _counts(items, positive), bool(np.isfinite(values).all())


def _counts(ids: Ids, positive: NDArray[np.bool_]) -> tuple[Ids, Any, Any]:
    """(distinct ids, ratings of each, positive ones of each)"""
    if len(ids) and ids.min() >= 0 and ids.max() <= LARGEST_TABLE:
        counts = np.bincount(ids)
        found = np.flatnonzero(counts).astype(np.int32)
        return found, counts[found], np.bincount(ids[positive], minlength=len(counts))[found]
    found, where = np.unique(ids, return_inverse=True)
    size = len(found)
    return found, np.bincount(where, minlength=size), np.bincount(where[positive], minlength=size)


@dataclass(frozen=True)
class _Rows:
    """Finds the rows of ids that are all known. ``table``: row by id, where ids are small."""

    ids: NDArray[np.int64]
    table: NDArray[np.int32] | None

    def __call__(self, ids: Ids) -> Ids:
        if self.table is not None:
            return self.table[ids]
        return np.searchsorted(self.ids, ids).astype(np.int32)


def _side(tallies: list[tuple[Ids, Any, Any]], partitions: range) -> tuple[Side, _Rows]:
    ids = np.unique(np.concatenate([found for found, *_ in tallies])).astype(np.int64)
    counts, positives = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    for found, count, positive in tallies:
        rows = np.searchsorted(ids, found)
        counts[rows] += count
        positives[rows] += positive
    table = None
    if len(ids) and ids[0] >= 0 and ids[-1] <= LARGEST_TABLE:
        table = np.zeros(ids[-1] + 1, np.int32)
        table[ids] = np.arange(len(ids), dtype=np.int32)
    return Side(ids, counts, positives, list(partitions)), _Rows(ids, table)


def _cuts(side: Side, parts: int) -> list[int]:
    """Boundaries of ``parts`` runs of rows that cost about the same."""
    cost = np.cumsum(side.counts + ROW_COST)
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, parts) / parts)
    return [0, *inner.tolist(), len(side.ids)]


def _merge(first_row: int, keyed: Iterable[tuple[int, Any]]) -> Block:
    """One block from its fragments, in the order of the partitions they came from."""
    pieces = sorted((piece for _, piece in keyed), key=lambda piece: piece[0])
    counts = [piece[1] for piece in pieces]
    starts = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0, dtype=np.int64))])
    columns = np.empty(starts[-1], np.int32)
    values = np.empty(starts[-1], np.float32)
    free = starts[:-1].copy()
    for _, count, cols, vals in pieces:
        kernels.add_fragment(free, count, cols, vals, columns, values)
    return Block(first_row, starts, columns, values)
