"""Passes over arrays in threads of this process, for work that releases the interpreter lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

# Results of how many tasks for each thread may wait to be taken.
AHEAD = 2
Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[Result]:
    """Yield the result of each task, in order of the tasks.

    No more than ``AHEAD`` results for each thread are in memory: further tasks start as results
    are taken. The threads share the cores, so BLAS has one in each.
    """
    running: deque[Future[Result]] = deque()
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        try:
            for task in tasks:
                if len(running) == AHEAD * threads:
                    yield running.popleft().result()
                running.append(pool.submit(function, task))
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def one_blas_thread() -> Any:
    """Return a context in which BLAS computes in the calling thread alone, so that sums do not
    depend on the number of cores."""
    return threadpool_limits(limits=1, user_api="blas")
