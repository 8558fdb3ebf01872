"""Where rate limits are counted: Redis where there is one, else each process for itself."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from limits.storage import RedisStorage, Storage

# So long a request waits for Redis; then its process counts by itself for a while.
PATIENCE_SECONDS = 0.5
RETRY_SECONDS = 5.0
SWEEP_SECONDS = 60.0

log = logging.getLogger(__name__)


class ProcessMemory(Storage):
    """Counts of fixed windows of time, by key, in each process by itself.

    The library's own starts a thread at nearly every request, to forget windows that have ended;
    here whoever counts does that, once a minute.
    """

    STORAGE_SCHEME = ["process"]  # noqa: RUF012

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


class InRedis(RedisStorage):
    """Takes the place of the library's for ``redis://``. While Redis is out of reach, or does not
    answer in time, each process counts for itself: nobody is refused for it, and limits hold.

    Flask-Limiter's own fallback answers 500 to whom Redis fails while it is being noticed.
    """

    STORAGE_SCHEME = ["redis", "rediss", "redis+unix"]  # noqa: RUF012

    def __init__(self, uri: str, **options: Any):
        patience = {
            "socket_timeout": PATIENCE_SECONDS,
            "socket_connect_timeout": PATIENCE_SECONDS,
        }
        super().__init__(uri, **{**patience, **options})
        self._own = ProcessMemory()
        self._away_until = 0.0

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        counted: int = self._ask("incr", key, expiry, amount)
        return counted

    def get(self, key: str) -> int:
        counted: int = self._ask("get", key)
        return counted

    def get_expiry(self, key: str) -> float:
        at: float = self._ask("get_expiry", key)
        return at

    def clear(self, key: str) -> None:
        self._ask("clear", key)

    def _ask(self, what: str, *args: Any) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return getattr(super(), what)(*args)
            except self.base_exceptions as error:
                self._away_until = time.monotonic() + RETRY_SECONDS
                log.warning("no Redis (%s): rate limits are counted in each process", error)
        return getattr(self._own, what)(*args)
