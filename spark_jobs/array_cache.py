"""Arrays cached for many passes.

On one machine they are in files mapped into memory, over which threads of this process pass:
nothing is sent, and Spark's workers map the same files. On a cluster they are in Spark's cache,
which recomputes lost partitions from their lineage, and each pass is a Spark job.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from pyspark import RDD, SparkContext, StorageLevel

from spark_jobs.filesystem import on_one_machine
from spark_jobs.temporary_folders import temporary_folder
from spark_jobs.threads import map_in_threads

# Named tuples of arrays and small values.
Arrays = TypeVar("Arrays", bound=tuple[Any, ...])
Made = TypeVar("Made", bound=tuple[Any, ...])
Grouped = TypeVar("Grouped", bound=tuple[Any, ...])
Piece = TypeVar("Piece")
Value = TypeVar("Value", covariant=True)
Result = TypeVar("Result")


class Shared(Protocol[Value]):
    """A value that the functions of passes read: itself, or Spark's broadcast of it."""

    @property
    def value(self) -> Value: ...

    def unpersist(self) -> None:
        """Free the executors' copies, which Spark sends again where it needs them."""

    def destroy(self) -> None:
        """Free all that Spark holds of it."""


class Regrouping(NamedTuple, Generic[Arrays, Grouped, Piece, Made]):
    """How tuples become others: new tuple ``n`` of ``parts`` is ``merge`` of ``n`` and ``cut`` of
    ``group`` of each tuple and ``n``. The classes are those of grouped and of new tuples."""

    group: Callable[[Arrays], Grouped]
    cut: Callable[[Grouped, int], Piece]
    merge: Callable[[int, list[Piece]], Made]
    parts: int
    grouped_class: Callable[..., Grouped]
    made_class: Callable[..., Made]


class CachedArrays(ABC, Generic[Arrays]):
    """Named tuples of arrays in a fixed order, and what is done with all of them."""

    context: SparkContext

    @property
    @abstractmethod
    def rows(self) -> RDD[Arrays]:
        """The tuples in order, for Spark's own stages."""

    @abstractmethod
    def map(self, function: Callable[[Arrays], Result]) -> Iterator[Result]:
        """Yield ``function`` of each tuple, in order."""

    @abstractmethod
    def share(self, value: Result) -> Shared[Result]:
        """Share a large value with the functions of passes, which read ``.value``."""

    @abstractmethod
    def view(self, function: Callable[[Arrays], Made]) -> CachedArrays[Made]:
        """Convert each tuple whenever it is read; ``unpersist`` either frees both."""

    @abstractmethod
    def derive(
        self, function: Callable[[Arrays], Made], make: Callable[..., Made]
    ) -> CachedArrays[Made]:
        """Compute tuples of the class ``make``: once and cached on one machine, at each pass on
        a cluster."""

    @abstractmethod
    def exchange(self, regrouping: Regrouping[Arrays, Any, Any, Made]) -> CachedArrays[Made]:
        """Regroup all tuples; the pieces of a new one are in order of those they come from."""

    @abstractmethod
    def unpersist(self) -> None:
        """Free files or cache."""


def cache(rows: RDD[Arrays], make: Callable[..., Arrays]) -> CachedArrays[Arrays]:
    """Compute and keep named tuples; ``make``: their class."""
    if not on_one_machine(rows.context):
        cached = rows.persist(StorageLevel.MEMORY_AND_DISK)
        return SparkArrays(rows.context, cached, (cached,))
    folder = temporary_folder()

    def save(part: int, several: Iterable[Arrays]) -> Iterator[tuple[Any, ...]]:
        return (_save(row, folder / f"{part}-{n}") for n, row in enumerate(several))

    saved = rows.mapPartitionsWithIndex(save).collect()
    return MappedArrays(rows.context, [TupleFiles(fields, make) for fields in saved], (folder,))


def joined(several: Sequence[CachedArrays[Arrays]]) -> CachedArrays[Arrays]:
    """Return the tuples of all, in order."""
    first, *others = several
    if not others:
        return first
    mapped = [one for one in several if isinstance(one, MappedArrays)]
    if len(mapped) == len(several):
        files = chain.from_iterable(one.files for one in mapped)
        folders = chain.from_iterable(one.folders for one in mapped)
        return MappedArrays(first.context, list(files), tuple(folders))
    return SparkArrays(first.context, first.context.union([one.rows for one in several]), ())


@dataclass(frozen=True)
class MappedArrays(CachedArrays[Arrays]):
    """``folders``: of the files."""

    context: SparkContext
    files: list[TupleFiles[Arrays]]
    folders: tuple[Path, ...]

    @property
    def rows(self) -> RDD[Arrays]:
        parts = min(len(self.files), self.context.defaultParallelism)
        return self.context.parallelize(self.files, parts).map(TupleFiles.read)

    def map(self, function: Callable[[Arrays], Result]) -> Iterator[Result]:
        threads = self.context.defaultParallelism
        return map_in_threads(lambda files: function(files.read()), self.files, threads)

    def share(self, value: Result) -> Shared[Result]:
        return Held(value)

    def view(self, function: Callable[[Arrays], Made]) -> CachedArrays[Made]:
        return MappedArrays(
            self.context, [files.view(function) for files in self.files], self.folders
        )

    def derive(
        self, function: Callable[[Arrays], Made], make: Callable[..., Made]
    ) -> CachedArrays[Made]:
        return self._saved(lambda files: function(files.read()), self.files, make)

    def exchange(self, regrouping: Regrouping[Arrays, Any, Any, Made]) -> CachedArrays[Made]:
        group, cut, merge, parts, grouped_class, made_class = regrouping
        grouped = self._saved(lambda files: group(files.read()), self.files, grouped_class)

        def merged(n: int) -> Made:
            return merge(n, [cut(files.read(), n) for files in grouped.files])

        made = self._saved(merged, range(parts), made_class)
        grouped.unpersist()
        return made

    def unpersist(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _saved(
        self,
        function: Callable[[Any], Made],
        tasks: Sequence[Any],
        make: Callable[..., Made],
    ) -> MappedArrays[Made]:
        """Save ``function`` of each task, computed in threads."""
        folder = temporary_folder()

        def save(task: tuple[int, Any]) -> TupleFiles[Made]:
            n, argument = task
            return TupleFiles(_save(function(argument), folder / str(n)), make)

        files = map_in_threads(save, enumerate(tasks), self.context.defaultParallelism)
        return MappedArrays(self.context, list(files), (folder,))


class TupleFiles(Generic[Arrays]):
    """The files of one named tuple: ``fields``, of which arrays are paths, and its class."""

    def __init__(self, fields: tuple[Any, ...], make: Callable[..., Arrays]) -> None:
        self.fields, self.make = fields, make

    def __reduce__(self) -> tuple[Any, ...]:
        return TupleFiles, (self.fields, self.make)  # without what is mapped

    def read(self) -> Arrays:
        return self.make(*self._mapped)

    def view(self, function: Callable[[Arrays], Made]) -> TupleFiles[Made]:
        make = self.make
        return TupleFiles(self.fields, lambda *fields: function(make(*fields)))

    @cached_property
    def _mapped(self) -> list[Any]:
        # Private to the process, so that arrays may be written to, as kernels' types ask for.
        return [
            np.asarray(np.load(field, mmap_mode="c")) if isinstance(field, Path) else field
            for field in self.fields
        ]


@dataclass(frozen=True)
class Held(Generic[Value]):
    """A value in this process."""

    value: Value

    def unpersist(self) -> None:
        """Do nothing: there are no copies."""

    def destroy(self) -> None:
        """Do nothing: it is freed like any value."""


@dataclass(frozen=True)
class SparkArrays(CachedArrays[Arrays]):
    """``tuples``: in order of partitions. ``cached``: what they come from."""

    context: SparkContext
    tuples: RDD[Arrays]
    cached: tuple[RDD[Any], ...]

    @property
    def rows(self) -> RDD[Arrays]:
        return self.tuples

    def map(self, function: Callable[[Arrays], Result]) -> Iterator[Result]:
        return iter(self.tuples.map(function).collect())

    def share(self, value: Result) -> Shared[Result]:
        return self.context.broadcast(value)

    def view(self, function: Callable[[Arrays], Made]) -> CachedArrays[Made]:
        return SparkArrays(self.context, self.tuples.map(function), self.cached)

    def derive(
        self, function: Callable[[Arrays], Made], make: Callable[..., Made]
    ) -> CachedArrays[Made]:
        return SparkArrays(self.context, self.tuples.map(function), ())

    def exchange(self, regrouping: Regrouping[Arrays, Any, Any, Made]) -> CachedArrays[Made]:
        group, cut, merge, parts, _, made_class = regrouping

        def pieces(part: int, several: Iterable[Arrays]) -> Iterator[tuple[int, Any]]:
            for n, row in enumerate(several):
                grouped = group(row)
                yield from ((target, ((part, n), cut(grouped, target))) for target in range(parts))

        def merged(part: int, keyed: Iterable[tuple[int, Any]]) -> list[Made]:
            in_order = sorted((piece for _, piece in keyed), key=lambda piece: piece[0])
            return [merge(part, [piece for _, piece in in_order])]

        together = self.tuples.mapPartitionsWithIndex(pieces).partitionBy(parts, int)
        return cache(together.mapPartitionsWithIndex(merged), made_class)

    def unpersist(self) -> None:
        for rows in self.cached:
            rows.unpersist()


def _save(row: tuple[Any, ...], place: Path) -> tuple[Any, ...]:
    """Return the row with the path of a file in place of each array."""
    fields = []
    for n, field in enumerate(row):
        if isinstance(field, np.ndarray):
            path = place.with_name(f"{place.name}-{n}.npy")
            np.save(path, field)
            fields.append(path)
        else:
            fields.append(field)
    return tuple(fields)
