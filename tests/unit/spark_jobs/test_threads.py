"""Passes in threads: order, errors, how much waits in memory, and the threads of BLAS."""

from __future__ import annotations

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from spark_jobs.threads import AHEAD, map_in_threads


def blas_threads() -> set[int]:
    return {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_map_in_threads_yields_results_in_order_of_tasks(threads: int) -> None:
    def slower_first(n: int) -> int:
        time.sleep(0.005 * (4 - n % 5))
        return n * n

    assert list(map_in_threads(slower_first, range(20), threads)) == [n * n for n in range(20)]


def test_map_in_threads_runs_tasks_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)
    assert set(map_in_threads(lambda _: meeting.wait(), range(3), 3)) == {0, 1, 2}


def test_map_in_threads_starts_few_tasks_before_results_are_taken() -> None:
    started: list[int] = []
    results = map_in_threads(started.append, range(100), 2)
    for taken in range(1, 20):
        next(results)
        time.sleep(0.002)
        assert len(started) <= taken + 2 * AHEAD
    assert len(list(results)) == 81


def test_map_in_threads_raises_the_error_of_a_task_and_starts_no_more() -> None:
    started: list[int] = []

    def fail(n: int) -> None:
        started.append(n)
        if n == 3:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        list(map_in_threads(fail, range(100), 2))
    assert len(started) <= 4 + 2 * AHEAD


def test_blas_has_one_thread_within_a_pass_and_all_of_them_afterwards() -> None:
    before = blas_threads()
    assert before
    assert list(map_in_threads(lambda _: blas_threads(), range(2), 2)) == [{1}, {1}]
    assert blas_threads() == before
