"""Where rate limits are counted: Redis where there is one, else each process for itself."""

from __future__ import annotations

import logging
import time
from typing import Any

from limits.storage import MemoryStorage, RedisStorage

# So long a request waits for Redis; then its process counts by itself for a while.
PATIENCE_SECONDS = 0.5
RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


class InMemory(MemoryStorage):
    """Takes the place of the library's for ``memory://``, which after the clock was set back would
    go on counting until the clock has caught up."""

    STORAGE_SCHEME = ["memory"]  # noqa: RUF012 - as the library declares it

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if self.get_expiry(key) > time.time() + expiry:
            self.clear(key)
        return super().incr(key, expiry, amount)


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
        self._own = InMemory()
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
