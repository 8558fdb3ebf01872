"""The site under load while a part of it breaks: who was told that a rating is stored finds it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import redis
from flask import Flask

from app import accounts, create_app, ratings, tokens
from app.extensions import db
from recommender.release_store import ReleaseStore
from tests.conftest import ROOT, settings
from tests.databases import Server, migrate
from tests.ledger import BROKEN, LONG, Figures, Ledger, People, Record, ask
from tests.missing import missing
from tests.releases import publish_tiny
from tests.servers import PATIENCE, as_deployed, free_port, workers_of

pytest_plugins = ["tests.faults"]
pytestmark = pytest.mark.faults

PEOPLE = 4
FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
NO_LIMITS = {"RATELIMIT_ENABLED": "False"}


@dataclass
class Site:
    """The site on a database of its own. ``app``: to look into the database with."""

    folder: Path
    app: Flask
    environ: dict[str, str]
    ids: list[int]
    secret: str
    log: Path

    @contextmanager
    def serve(self, **environ: str) -> Iterator[tuple[str, int]]:
        """As the Procfile starts it; gives its address and the process id of gunicorn's master."""
        programs = Path(sys.executable).parent
        everything = {**os.environ, **self.environ, **environ}
        with as_deployed(ROOT, programs, everything, self.log) as served:
            yield served

    def stored(self) -> dict[tuple[int, int], float]:
        with self.app.app_context():
            found = ratings.ratings_of_many(self.ids)
        return {(user, item): stars for user, own in found.items() for item, stars in own.items()}

    def check(self, address: str) -> None:
        """Raises AssertionError where the site shows other ratings than the database has."""
        stored = self.stored()
        for person in self.ids:
            path = f"/api/v1/user/{person}/ratings/top?limit=50"
            status, answer = ask(address + path, self.secret)
            assert status == 200
            shown = {rated["movie"]["movie_id"]: rated["rating"] for rated in answer["ratings"]}
            assert shown == {item: stars for (user, item), stars in stored.items() if user == person}


def new_site(url: str, folder: Path) -> Site:
    migrate(url)
    store = ReleaseStore(folder / "releases")
    publish_tiny(store)
    environ = settings(url, store.folder) | NO_LIMITS | {"RELEASE_POLL_SECONDS": "0.5"}
    app = create_app(environ, TESTING=True)
    with app.app_context():
        ids = [accounts.add_person(None, None).id for _ in range(PEOPLE)]
        secret = tokens.create("load")
    return Site(folder, app, environ, ids, secret, folder / "log")


@pytest.fixture(params=["postgresql", *(["mariadb"] if LONG else [])])
def database_server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    return servers(request.param)


@pytest.fixture
def site(database_server: Server, tmp_path: Path) -> Iterator[Site]:
    site = new_site(database_server.new_database(), tmp_path)
    yield site
    with site.app.app_context():
        db.engine.dispose()
    if not database_server.answers():
        database_server.start()


def judge(site: Site, address: str, people: People, struck: float) -> Figures:
    """What came of it, where nothing that was acknowledged is missing."""
    figures = people.figures(struck, site.stored())
    assert figures.missing == 0
    site.check(address)
    return figures


def test_a_killed_worker_costs_the_requests_it_had_in_hand(site: Site, record: Record) -> None:
    with site.serve() as (address, master):
        with People(address, site.secret, site.ids, Ledger()) as people:
            people.go_on()
            struck = time.monotonic()
            for _ in range(5 if LONG else 1):
                before = workers_of(master)
                os.kill(before[0], signal.SIGKILL)
                people.go_on()
                assert len(workers_of(master)) == len(before)
                assert before[0] not in workers_of(master)
        figures = judge(site, address, people, struck)
    assert set(people.statuses()) <= {200, BROKEN}
    assert figures.failed <= PEOPLE * (5 if LONG else 1)
    assert "was sent SIGKILL" in site.log.read_text()
    record(f"a worker killed{' five times' if LONG else ''}", figures)


def test_the_database_away_is_told_at_once_and_forgotten_at_once(
    site: Site, database_server: Server, record: Record
) -> None:
    away = 10.0 if LONG else 1.0
    with site.serve() as (address, _):
        with People(address, site.secret, site.ids, Ledger()) as people:
            people.go_on()
            struck = time.monotonic()
            database_server.stop()
            time.sleep(away)
            database_server.start()
            people.go_on()
        figures = judge(site, address, people, struck)
    assert set(people.statuses()) == {200, 503}
    assert people.slowest(struck) < 5
    assert figures.recovered < away + 5
    assert "Traceback" not in site.log.read_text()
    record(f"{database_server.kind} away for {away:g} seconds", figures)


class Redis:
    """A server that keeps nothing, on a port of its own."""

    def __init__(self, log: Path):
        self._port = free_port()
        self._log = log
        self.url = f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        with self._log.open("a") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        while self._process.poll() is None and not self._answers():
            time.sleep(0.05)
        assert self._process.poll() is None, self._log.read_text()

    def stop(self) -> None:
        self.send(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)

    def send(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def counters(self) -> int:
        """How many limits are counted there now."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.dbsize())

    def _answers(self) -> bool:
        try:
            return self.counters() >= 0
        except redis.RedisError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        missing("redis-server", ".ci/ensure redis")
    server = Redis(tmp_path / "redis.log")
    server.start()
    yield server
    server.stop()


def limited_after(site: Site, address: str, secret: str) -> int:
    """How many requests of a personal token are let through before one is refused."""
    for number in range(100):
        status, _ = ask(f"{address}/api/v1/movie/1", secret)
        if status == 429:
            return number
        assert status == 200
    raise AssertionError("nothing is ever refused")


# (what becomes of Redis, what brings it back)
WAYS: dict[str, tuple[Callable[[Redis], None], Callable[[Redis], None]]] = {
    "gone": (Redis.stop, Redis.start),
    "hanging": (lambda r: r.send(signal.SIGSTOP), lambda r: r.send(signal.SIGCONT)),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_redis_the_site_goes_on_and_still_limits(
    site: Site, redis_server: Redis, way: str, record: Record
) -> None:
    strike, heal = WAYS[way]
    with site.app.app_context():
        mine = [tokens.create(f"mine {number}", site.ids[number]) for number in range(2)]
    limits = {"RATELIMIT_ENABLED": "True", "RATELIMIT_PERSONAL_TOKEN": "5/minute"}
    limits |= {"REDIS_URL": redis_server.url, "RATELIMIT_SERVICE_TOKEN": "100000/minute"}
    with site.serve(**limits) as (address, master):
        with People(address, site.secret, site.ids, Ledger()) as people:
            people.go_on()
            assert limited_after(site, address, mine[0]) == 5  # both processes count together
            struck = time.monotonic()
            strike(redis_server)
            people.go_on(10.0 if LONG else 1.0)
            # Each process counts for itself.
            assert 5 <= limited_after(site, address, mine[1]) <= 5 * len(workers_of(master))
            heal(redis_server)
            people.go_on()
            wait_until(lambda: redis_server.counters() > 0)
        figures = judge(site, address, people, struck)
    assert figures.failed == 0
    assert people.slowest(struck) < 5
    assert "Traceback" not in site.log.read_text()
    assert "no Redis (" in site.log.read_text()
    record(f"Redis {way}", figures)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
