"""Rate limits counted in the memory of a process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from limits import parse
from limits.strategies import FixedWindowRateLimiter

from app.extensions import limiter
from app.http import rate_limit_storage
from app.http.rate_limit_storage import ProcessMemory
from tests.support.api import client_with_token


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until the test changes its only element."""
    moment = [1000.0]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return moment


def test_process_memory_counts_within_a_window_and_then_restarts(now: list[float]) -> None:
    memory = ProcessMemory()
    assert [memory.incr("ann", 60), memory.incr("ann", 60), memory.incr("bob", 60)] == [1, 2, 1]
    assert (memory.get("ann"), memory.get_expiry("ann")) == (2, 1060)
    now[0] = 1060
    assert (memory.get("ann"), memory.get_expiry("ann")) == (0, 1060)
    assert memory.incr("ann", 60, amount=3) == 3
    assert memory.get_expiry("ann") == 1120


def test_rate_limit_holds_within_its_window_and_then_resets(now: list[float]) -> None:
    limits, two = FixedWindowRateLimiter(ProcessMemory()), parse("2/minute")
    assert [limits.hit(two, "ann") for _ in range(3)] == [True, True, False]
    assert limits.get_window_stats(two, "ann") == (1060, 0)
    now[0] += 60
    assert limits.hit(two, "ann")


def test_process_memory_starts_a_new_window_when_clock_was_set_back(now: list[float]) -> None:
    memory = ProcessMemory()
    memory.incr("ann", 60, amount=5)
    now[0] -= 600
    assert memory.incr("ann", 60) == 1


def test_process_memory_deletes_expired_windows(now: list[float]) -> None:
    memory = ProcessMemory()
    for caller in range(100):
        memory.incr(str(caller), 1)
    now[0] += rate_limit_storage.SWEEP_SECONDS
    memory.incr("ann", 60)
    assert memory.reset() == 1
    assert memory.get("ann") == 0


def test_process_memory_counts_exactly_across_threads() -> None:
    memory = ProcessMemory()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: memory.incr("ann", 60), range(4000)))
    assert memory.get("ann") == 4000
    memory.clear("ann")
    assert memory.get("ann") == 0


def test_limiter_uses_process_memory_without_a_thread_when_redis_is_unset(app: Flask) -> None:
    rest = client_with_token(app, "service")
    rest("GET", "/search?q=space")
    with app.app_context():
        assert isinstance(limiter.storage, ProcessMemory)
    before = {thread.ident for thread in threading.enumerate()}
    for _ in range(5):
        rest("GET", "/search?q=space")
    assert {thread.ident for thread in threading.enumerate()} <= before
