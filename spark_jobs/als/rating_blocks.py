"""Ratings in cached blocks, by user and by item, for the solver to pass over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import FloatArray, Int64Array, IntArray
from spark_jobs.array_cache import CachedArrays, Shared

Rows = IntArray
Values = FloatArray


class Block(NamedTuple):
    """Consecutive rows of one side: row ``first_row + r`` has ``columns[starts[r]:starts[r + 1]]``
    and ``values`` alike. No row is empty. Every pass reads the blocks, so columns are uint16 or
    int32 and values float16 or float32, the narrower where exact."""

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

    def with_values(self, values: NDArray[Any]) -> Block:
        return self._replace(values=np.asarray(values, np.float32))


@dataclass(frozen=True)
class BlockedSide:
    """Users or items: ``ids`` int64 ascending (the position is the row), ``counts`` of ratings,
    and the blocks in order of rows."""

    ids: Int64Array
    counts: Int64Array
    blocks: CachedArrays[Block]

    def map(self, function: Callable[[Block], Any]) -> Iterator[Any]:
        """Yield ``function`` of each block, in order of rows: on one machine by threads of this
        process, which share its memory, on a cluster by Spark tasks.

        ``function`` reads what is large by ``share``, and changes nothing but its own arrays. On
        one machine few results wait to be taken, so that partial sums can be added one by one.
        """
        return self.blocks.map(function)

    def rows(self, function: Callable[[Block], NDArray[Any]]) -> NDArray[Any]:
        """Concatenate ``function`` of each block in order of rows."""
        return np.concatenate(list(self.map(function)))

    def share(self, value: Any) -> Shared[Any]:
        """Share a large value with the functions of passes, which read ``.value``."""
        return self.blocks.share(value)


@dataclass(frozen=True)
class BlockedRatings:
    """One rating for each pair. ``repeated``: how many were left out for a newer one."""

    users: BlockedSide
    items: BlockedSide
    repeated: int

    @cached_property
    def count(self) -> int:
        return int(self.users.counts.sum())

    def map_values(self, function: Callable[[Rows, Rows, Values], NDArray[Any]]) -> BlockedRatings:
        """Replace values by ``function(user_rows, item_rows, values)``: computed once and cached in
        files on one machine, at each pass on a cluster."""

        def by_user(block: Block) -> Block:
            return block.with_values(function(block.rows, block.columns, block.values))

        def by_item(block: Block) -> Block:
            return block.with_values(function(block.columns, block.rows, block.values))

        return replace(
            self,
            users=replace(self.users, blocks=self.users.blocks.derive(by_user, Block)),
            items=replace(self.items, blocks=self.items.blocks.derive(by_item, Block)),
        )

    def unpersist(self) -> None:
        for side in (self.users, self.items):
            side.blocks.unpersist()
