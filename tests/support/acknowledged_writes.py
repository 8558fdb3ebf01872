"""Users who rate continuously, and a record of acknowledged ratings that is kept outside the site.

writes = AcknowledgedWrites()
with People(address, secret, person_ids, writes) as people:
    people.go_on()
    fault_at = time.monotonic()
    ...                         # a fault, and its recovery
    people.go_on()
figures = people.figures(fault_at, stored_ratings)
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from tests.support.releases import FITTED

# `make test-faults` asks for the long form of the tests that break things.
LONG = os.environ.get("MARQUEE_FAULTS") == "long"
MOVIES = [item.item_id for item in FITTED]
# So short that ratings are always in progress, yet a few users do not use the whole machine.
PAUSE = 0.02
ENOUGH = 15
PATIENCE = 60.0
BROKEN = 0  # in place of a status, if the connection broke
Pair = tuple[int, int]


class AcknowledgedWrites:
    """Record the last acknowledged rating of each (user, item).

    Ratings sent later without an acknowledgement may or may not have been stored.
    """

    def __init__(self) -> None:
        self._possible: dict[Pair, list[float | None]] = defaultdict(lambda: [None])

    def sent(self, pair: Pair, stars: float) -> None:
        self._possible[pair].append(stars)

    def acknowledged(self, pair: Pair, stars: float) -> None:
        self._possible[pair] = [stars]

    def missing(self, stored: Mapping[Pair, float]) -> dict[Pair, float | None]:
        """Return pairs that differ from their acknowledged rating, with the stored value."""
        return {
            pair: stored.get(pair)
            for pair, possible in self._possible.items()
            if stored.get(pair) not in possible
        }


@dataclass(frozen=True)
class Attempt:
    begun: float
    ended: float
    status: int


@dataclass(frozen=True)
class Figures:
    """Figures of one fault. ``recovered``: seconds from the fault to the first success after
    which all requests succeed; 0 if nothing failed."""

    requests: int
    failed: int
    recovered: float
    acknowledged: int
    missing: int


# Takes a fault and its figures, for the table at the end of the run (fault_table).
Record = Callable[[str, Figures], None]
# The same for a job, which has no requests: the seconds until its result is there.
RecordJob = Callable[[str, float], None]


# Names the server for one request, which lasts as long as the context.
Balancer = Callable[[], AbstractContextManager[str]]


class People:
    """Users who rate one item after the other over REST, waiting for each response.

    ``address``: of the site, or a load balancer of several servers. ``pause``: seconds between two
    ratings of a user.
    """

    def __init__(
        self,
        address: str | Balancer,
        secret: str,
        ids: Sequence[int],
        writes: AcknowledgedWrites,
        pause: float = PAUSE,
    ):
        self.attempts: list[Attempt] = []
        self._server = partial(nullcontext, address) if isinstance(address, str) else address
        self._secret = secret
        self._ids = ids
        self._writes = writes
        self._pause = pause
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._rate_on, args=(person,)) for person in ids]

    def __enter__(self) -> People:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Wait for the last response of each."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, seconds: float = 0.0, enough: int = ENOUGH) -> None:
        """Continue for at least ``seconds``, until each has ``enough`` new ratings acknowledged.

        Raises AssertionError if that takes too long.
        """
        since = time.monotonic()
        deadline = since + PATIENCE + seconds
        while time.monotonic() < deadline:
            attempts = [attempt for attempt in self.attempts if attempt.begun > since]
            acknowledged = sum(attempt.status == 200 for attempt in attempts)
            if acknowledged >= enough * len(self._ids) and time.monotonic() > since + seconds:
                return
            time.sleep(0.05)
        raise AssertionError(f"no more ratings come through: {self.statuses(since)}")

    def statuses(self, since: float = 0.0) -> Counter[int]:
        """Return the number of responses by status; ``BROKEN`` means no response."""
        return Counter(a.status for a in self.attempts if a.ended >= since)

    def slowest(self, since: float = 0.0) -> float:
        """Return the longest response time in seconds."""
        return max(a.ended - a.begun for a in self.attempts if a.ended >= since)

    def figures(self, fault_at: float, stored: Mapping[Pair, float]) -> Figures:
        """Return the figures after the end. ``fault_at``: monotonic time of the fault."""
        ended = sorted(self.attempts, key=lambda attempt: attempt.ended)
        failures = [attempt.ended for attempt in ended if attempt.status != 200]
        well = [a.ended for a in ended if a.status == 200 and a.ended > max(failures, default=0.0)]
        assert well, self.statuses()
        return Figures(
            requests=len(ended),
            failed=len(failures),
            recovered=well[0] - fault_at if failures else 0.0,
            acknowledged=len(ended) - len(failures),
            missing=len(self._writes.missing(stored)),
        )

    def _rate_on(self, person: int) -> None:
        for step in count():
            if self._ended.wait(self._pause):
                return
            pair = person, MOVIES[step % len(MOVIES)]
            stars = 0.5 + 0.5 * (step // len(MOVIES) % 10)
            self._writes.sent(pair, stars)
            begun = time.monotonic()
            status = self._put(pair, stars)
            self.attempts.append(Attempt(begun, time.monotonic(), status))
            if status == 200:
                self._writes.acknowledged(pair, stars)

    def _put(self, pair: Pair, stars: float) -> int:
        path = f"/api/v1/user/{pair[0]}/rating"
        body = {"movie_id": pair[1], "rating": stars}
        with self._server() as address:
            return ask(address + path, self._secret, "PUT", body)[0]


def ask(address: str, secret: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Return status and content of a response of the REST API."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None
    except (OSError, http.client.HTTPException):
        return BROKEN, None
