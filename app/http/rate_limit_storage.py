"""Storages of rate limits: Redis if configured, else the memory of each process."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from flask import Flask

# Private: limits 5.8 registers storages by a metaclass at import only, and has no function for it.
from limits._storage_scheme import SCHEMES
from limits.storage import RedisStorage, Storage

# Seconds to wait for Redis; seconds to count in the process before Redis is tried again.
PATIENCE_SECONDS = 0.5
RETRY_SECONDS = 5.0
# Seconds between removals of ended windows.
SWEEP_SECONDS = 60.0

log = logging.getLogger(__name__)


def init_app(_app: Flask) -> None:
    """Register the storages by the schemes of their addresses (``RATELIMIT_STORAGE_URI``)."""
    SCHEMES["process"] = ProcessMemory
    for scheme in RedisStorage.STORAGE_SCHEME or ():
        SCHEMES[scheme] = RedisOrProcessMemory


class ProcessMemory(Storage):
    """Counts fixed windows by key in the memory of the process.

    ``limits.storage.MemoryStorage`` starts a thread at nearly every request to remove ended
    windows; here ``incr`` removes them every SWEEP_SECONDS.
    """

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: str):
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._windows: dict[str, tuple[int, float]] = {}  # count, and when the window ends
        self._lock = threading.Lock()
        self._swept_at = time.time()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            if not 0 <= now - self._swept_at < SWEEP_SECONDS:
                self._windows = {k: w for k, w in self._windows.items() if w[1] > now}
                self._swept_at = now
            count, end = self._windows.get(key, (0, 0.0))
            if not now < end <= now + expiry:  # ended, or the clock was set back
                count, end = 0, now + expiry
            self._windows[key] = count + amount, end
        return count + amount

    def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        now = time.time()
        return max(self._windows.get(key, (0, now))[1], now)

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows = {}
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)


class RedisOrProcessMemory(RedisStorage):
    """Counts in Redis, or in the memory of the process while Redis is unreachable or too slow.

    Flask-Limiter's own fallback answers 500 until it has noticed an outage.
    """

    def __init__(self, uri: str, **options: Any):
        timeouts = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), PATIENCE_SECONDS)
        super().__init__(uri, **{**timeouts, **options})
        self._fallback = ProcessMemory()
        self._retry_at = 0.0

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        counted: int = self._call("incr", key, expiry, amount)
        return counted

    def get(self, key: str) -> int:
        counted: int = self._call("get", key)
        return counted

    def get_expiry(self, key: str) -> float:
        at: float = self._call("get_expiry", key)
        return at

    def clear(self, key: str) -> None:
        self._call("clear", key)

    def _call(self, method: str, *args: Any) -> Any:
        if time.monotonic() >= self._retry_at:
            try:
                return getattr(super(), method)(*args)
            except self.base_exceptions as error:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                log.warning("no Redis (%s): rate limits are counted in each process", error)
        return getattr(self._fallback, method)(*args)
