"""Arrays cached for many passes.

On one machine they are in files that every worker maps into memory, so nothing is sent twice; on a
cluster they are in Spark's cache, which recomputes lost partitions from their lineage.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from pyspark import RDD, StorageLevel

from spark_jobs.filesystem import on_one_machine
from spark_jobs.temporary_folders import temporary_folder

Arrays = TypeVar("Arrays", bound=tuple[Any, ...])


@dataclass(frozen=True)
class CachedArrays(Generic[Arrays]):
    """``rows``: as given, in the same partitions. ``source``: the folder of their files, or the
    cached rows that they come from."""

    rows: RDD[Arrays]
    source: RDD[Any] | Path

    def unpersist(self) -> None:
        if isinstance(self.source, Path):
            shutil.rmtree(self.source)
        else:
            self.source.unpersist()


def cache(rows: RDD[Arrays], make: Callable[..., Arrays]) -> CachedArrays[Arrays]:
    """Keep named tuples of arrays and small values; ``make``: their class."""
    if not on_one_machine(rows.context):
        cached = rows.persist(StorageLevel.MEMORY_AND_DISK)
        return CachedArrays(cached, cached)
    folder = temporary_folder()

    def save(part: int, several: Iterable[Arrays]) -> list[list[tuple[Any, ...]]]:
        return [[_save(row, folder / f"{part}-{n}") for n, row in enumerate(several)]]

    def load(several: Iterable[tuple[Any, ...]]) -> Iterator[Arrays]:
        return (make(*map(_load, row)) for row in several)

    saved = rows.mapPartitionsWithIndex(save).collect()
    return CachedArrays(rows.context.parallelize(saved, len(saved)).flatMap(load), folder)


def _save(row: tuple[Any, ...], place: Path) -> tuple[Any, ...]:
    """The row with the path of a file in place of each array."""
    fields = []
    for n, field in enumerate(row):
        if isinstance(field, np.ndarray):
            path = place.with_name(f"{place.name}-{n}.npy")
            np.save(path, field)
            fields.append(path)
        else:
            fields.append(field)
    return tuple(fields)


def _load(field: Any) -> Any:
    # Private to the process, so that arrays may be written to, as kernels' types ask for.
    return np.asarray(np.load(field, mmap_mode="c")) if isinstance(field, Path) else field
