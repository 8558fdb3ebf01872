"""Metrics for Prometheus. Labels have few, fixed values: no paths, no users.

Each worker stores its metrics in a file of the folder that gunicorn.conf.py creates; the worker
that answers ``/metrics`` aggregates them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from datetime import datetime
from time import sleep
from typing import Any

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import event
from sqlalchemy.pool import Pool

from app.db.clock import utcnow

READ_AGAIN_SECONDS = (0.01, 0.1, 1.0)
PAGE, API, IMPORT = "page", "api", "import"
FOLD_IN, TOP_N = "fold_in", "top_n"
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SOLVES = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)

REQUEST_SECONDS = Histogram(
    "marquee_request_seconds",
    "Seconds until a request was answered, by route, method and class of status.",
    ["route", "method", "status"],
    buckets=_REQUESTS,
)
PART_SECONDS = {
    FOLD_IN: Histogram(
        "marquee_fold_in_seconds", "Seconds to fold one person in.", buckets=_SOLVES
    ),
    TOP_N: Histogram(
        "marquee_top_n_seconds", "Seconds to find one person's best titles.", buckets=_SOLVES
    ),
}
RATINGS_WRITTEN = Counter(
    "marquee_ratings_written", f"Ratings stored, by way: {PAGE}, {API} or {IMPORT}.", ["way"]
)
RELEASE_INFO = Gauge(
    "marquee_release_info",
    "1 for the release in service, 0 for those before it.",
    ["version"],
    multiprocess_mode="livemax",
)
RELEASE_LOAD_FAILURES = Counter(
    "marquee_release_load_failures", "Looks for a new release that failed."
)
DATABASE_CONNECTIONS = Gauge(
    "marquee_database_connections",
    "Connections to the database in use.",
    multiprocess_mode="livesum",
)


class _Age:
    """Collects the seconds since a release was made."""

    def __init__(self, created_at: str):
        self._created_at = datetime.fromisoformat(created_at)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "marquee_release_age_seconds",
            "Seconds since the release that the answering worker serves was made.",
            value=(utcnow() - self._created_at).total_seconds(),
        )


def exposition(created_at: str | None) -> bytes:
    """Return the metrics of all workers in Prometheus's text format.

    ``created_at``: when the release in service was made, if there is one.
    """
    registry: Any = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
    if created_at is not None:
        registry.register(_Age(created_at))
    for seconds in READ_AGAIN_SECONDS:
        try:
            return generate_latest(registry)
        except struct.error:  # another worker's file, which it has just made, is still empty
            sleep(seconds)
    return generate_latest(registry)


def release_in_service(version: str, before: str | None) -> None:
    if before is not None:
        RELEASE_INFO.labels(before).set(0)
    RELEASE_INFO.labels(version).set(1)


@event.listens_for(Pool, "checkout")
def _count_in(_connection: Any, record: Any, _proxy: Any) -> None:
    # The event is repeated for a connection that replaces a broken one.
    if not record.record_info.get("in_use"):
        record.record_info["in_use"] = True
        DATABASE_CONNECTIONS.inc()


@event.listens_for(Pool, "checkin")
def _count_out(_connection: Any, record: Any) -> None:
    # A connection that failed to open is checked in without having been checked out.
    if record.record_info.pop("in_use", False):
        DATABASE_CONNECTIONS.dec()
