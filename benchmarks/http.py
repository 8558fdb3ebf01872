"""Measure the site over HTTP, as visitors and REST clients use it: prints JSON.

    python -m benchmarks.http TRAIN.parquet FITTED.npz [SECONDS]

The server is gunicorn as the Procfile starts it, with PostgreSQL, and the sender
(``benchmarks.sender``) shares the machine with both. SECONDS: how long each load lasts.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.memory import held
from benchmarks.recommending import Fitted, most_active
from benchmarks.sender import Connection, Job, Outcome
from benchmarks.site import PATIENCE, Server, Site, request, site

ACCOUNTS, RATED = 2_000, 100
SECONDS = 20.0
# A connection stays with the worker that accepted it; this number keeps both workers busy.
CLOSED_CONNECTIONS = 16
# Enough that a connection is free when a request is due.
OPEN_CONNECTIONS = 64
SHORTEST_SWAP = 1.0  # seconds; shorter runs have too few requests
LOAD = 0.5  # of the closed loop's throughput
STARTS = 3
RECOMMENDATIONS, PAGE = "/api/v1/user/<any_id:user_id>/recommendations", "/"
PLATFORM_GZIP = 4  # Elastic Beanstalk's gzip_comp_level
Figures = dict[str, float]


def measure(train: Path, fitted: Path, seconds: float = SECONDS) -> dict[str, Figures]:
    people = [
        (rows[:RATED], stars[:RATED]) for rows, stars in most_active(data.read(train), ACCOUNTS)
    ]
    with site(Fitted.read(fitted), people) as test_site:
        starts = [_start(test_site) for _ in range(STARTS)]
        with test_site.running() as server:
            api, page = test_site.api_requests(server.port), test_site.page_requests(server.port)
            # The first request for each page also stores impressions, and opens the thread's
            # connection to the database.
            for warm_up in (api, page):
                _load(server, warm_up, OPEN_CONNECTIONS, seconds / 4)
            closed = _load(server, api, CLOSED_CONNECTIONS, seconds)
            rate = LOAD * closed.a_second
            return {
                "start": {"seconds": statistics.median(starts)},
                "closed": _figures(closed),
                "open": {
                    "rate": rate,
                    **_figures(_load(server, api, OPEN_CONNECTIONS, seconds, rate)),
                },
                "page": _page(server, page, seconds),
                "memory": _memory(server),
                "swap": _swap(test_site, server, api, rate, seconds),
            }


def _start(test_site: Site) -> float:
    with test_site.running() as server:
        return server.ready_after


def _load(
    server: Server, requests: Sequence[str], connections: int, seconds: float, rate: float = 0.0
) -> Outcome:
    sender = _sender(Job(server.port, requests, connections, seconds, rate or None))
    return _outcome(sender)


def _sender(job: Job) -> subprocess.Popen[str]:
    sender = subprocess.Popen(  # our own command  # nosec B603
        [sys.executable, "-m", "benchmarks.sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdin
    json.dump(asdict(job), sender.stdin)
    sender.stdin.close()
    sender.stdin = None
    return sender


def _outcome(sender: subprocess.Popen[str]) -> Outcome:
    output, _ = sender.communicate()
    if sender.returncode:
        sys.exit("the sender of requests failed")
    outcome = Outcome(**json.loads(output))
    if set(outcome.statuses) != {"200"}:
        sys.exit(f"not every request was answered with 200: {outcome.statuses}")
    return outcome


def _figures(outcome: Outcome) -> Figures:
    """``sender``: share of one core used for sending."""
    spent = max(due - outcome.began for due in outcome.due)
    return {
        "a_second": outcome.a_second,
        "median": outcome.milliseconds(50),
        "p90": outcome.milliseconds(90),
        "p99": outcome.milliseconds(99),
        "slowest": outcome.milliseconds(100),
        "sender": outcome.processor / spent,
    }


def _page(server: Server, requests: Sequence[str], seconds: float) -> Figures:
    """Measure one visitor after the other; ``server``: median duration in the site's log."""
    logged = len(list(_logged(server, PAGE)))
    visits = _load(server, requests, 1, seconds / 2)
    spent = list(_logged(server, PAGE))[logged:]
    plain, packed = _first_visit(server, requests[0])
    return {
        **_figures(visits),
        "server": statistics.median(spent),
        "kilobytes": plain / 1000,
        "compressed": packed / 1000,
    }


def _logged(server: Server, route: str) -> Iterator[float]:
    """Return the milliseconds of each logged request of that route."""
    for line in server.lines():
        if line["message"] == "request" and line.get("route") == route:
            yield line["milliseconds"]


def _first_visit(server: Server, visit: str) -> tuple[int, int]:
    """Return the bytes of the page with styles and scripts, plain and compressed as by nginx."""
    with Connection(server.port) as connection:
        return _bytes_of_visit(connection, server, visit)


def _bytes_of_visit(connection: Connection, server: Server, visit: str) -> tuple[int, int]:
    _, page = connection.ask(visit.encode())
    paths = re.findall(r'(?:src|href)="(/[^"]+\.(?:css|js))"', page.decode())
    bodies = [page]
    imported = set(paths)
    for path in paths:
        _, body = connection.ask(request(path, server.port).encode())
        bodies.append(body)
        for name in re.findall(r'from "\./([\w.]+)"', body.decode()):
            address = f"{path.rpartition('/')[0]}/{name}"
            if address not in imported:
                imported.add(address)
                paths.append(address)
    return sum(map(len, bodies)), sum(len(gzip.compress(b, PLATFORM_GZIP)) for b in bodies)


def _memory(server: Server) -> Figures:
    """Return the megabytes of a worker, the maximum of each measure.

    ``shared``: shared pages are divided among the workers.
    """
    return {
        "resident": max(held(worker, "Rss") for worker in server.workers) / 1000,
        "proportional": max(held(worker, "Pss") for worker in server.workers) / 1000,
    }


def _swap(
    test_site: Site, server: Server, requests: Sequence[str], rate: float, seconds: float
) -> Figures:
    """Promote a release under load.

    Requests due until every worker serves the new release count as during the swap.
    """
    wanted = len(server.workers)
    sender = _sender(Job(server.port, requests, OPEN_CONNECTIONS, 2 * PATIENCE, rate))
    answered = server.times_logged(RECOMMENDATIONS)
    while sender.poll() is None and server.times_logged(RECOMMENDATIONS) == answered:
        time.sleep(0.1)
    time.sleep(seconds / 2)
    began, version = time.monotonic(), test_site.swapped()
    message = f"release {version} is in service"
    while server.times_logged(message) < wanted:
        if time.monotonic() > began + PATIENCE:
            sys.exit(f"not every worker serves {version} after {PATIENCE:.0f} s")
        time.sleep(0.1)
    ended = max(time.monotonic(), began + SHORTEST_SWAP)
    time.sleep(SHORTEST_SWAP + seconds / 2)
    sender.terminate()
    outcome = _outcome(sender)
    due, took = np.array(outcome.due), 1000 * np.array(outcome.took)
    during = (due >= began) & (due <= ended)
    if during.all() or not during.any():
        sys.exit("no request was due during the swap, or none before and after: more SECONDS")
    return {
        "seconds": ended - began,
        "slowest": took[during].max(),
        "p99": np.percentile(took[during], 99),
        "slowest_else": took[~during].max(),
        "p99_else": np.percentile(took[~during], 99),
    }


def main() -> None:
    train, fitted, *seconds = sys.argv[1:]
    print(json.dumps(measure(Path(train), Path(fitted), *map(float, seconds))))


if __name__ == "__main__":
    main()
