"""The site under load while a component fails: every acknowledged rating is stored."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from flask import Flask

from app import create_app
from app.accounts import api_tokens
from app.accounts import service as accounts
from app.extensions import db
from app.feedback.profile import profiles_of
from recommender.storage import s3
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from tests.support.acknowledged_writes import (
    BROKEN,
    LONG,
    AcknowledgedWrites,
    Figures,
    People,
    Record,
    ask,
)
from tests.support.aws import Fault, FaultProxy
from tests.support.databases import SERVERS, Server, migrate
from tests.support.releases import ITEMS, publish_tiny
from tests.support.requirements import missing
from tests.support.servers import PATIENCE, as_deployed, free_port, wait_until, workers_of
from tests.support.site import ROOT, settings

pytest_plugins = ["tests.support.fixtures.s3", "tests.support.fixtures.fault_table"]
pytestmark = pytest.mark.faults

PEOPLE = 4
FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
NOT_RATED = ITEMS[-1].item_id  # number of ratings by the users
SOON = 10.0  # seconds, on a busy machine
NO_LIMITS = {"RATELIMIT_ENABLED": "False"}


@dataclass
class Site:
    """The site on its own database. ``app``: for access to the database."""

    folder: Path
    app: Flask
    environ: dict[str, str]
    ids: list[int]
    secret: str
    log: Path

    @contextmanager
    def serve(
        self, application: str = "application:application", **environ: str
    ) -> Iterator[tuple[str, int]]:
        """Serve as the Procfile does; yield the address and the process id of gunicorn's master."""
        programs = Path(sys.executable).parent
        everything = {**os.environ, **self.environ, **environ}
        with as_deployed(ROOT, programs, everything, self.log, application) as served:
            yield served

    def stored(self) -> dict[tuple[int, int], float]:
        with self.app.app_context():
            found = profiles_of(self.ids)
        return {
            (user, item): stars
            for user, taste in found.items()
            for item, stars in taste.ratings.items()
        }

    def check(self, address: str) -> None:
        """Raise AssertionError if the site shows ratings that differ from the database."""
        stored = self.stored()
        for person in self.ids:
            path = f"/api/v1/user/{person}/ratings/top?limit=50"
            status, answer = ask(address + path, self.secret)
            assert status == 200
            shown = {rated["movie"]["movie_id"]: rated["rating"] for rated in answer["ratings"]}
            assert shown == {
                item: stars for (user, item), stars in stored.items() if user == person
            }


def new_site(url: str, folder: Path) -> Site:
    migrate(url)
    store = ReleaseStore(folder / "releases")
    publish_tiny(store)
    environ = settings(url, store.folder) | NO_LIMITS | {"RELEASE_POLL_SECONDS": "0.5"}
    app = create_app(environ, TESTING=True)
    with app.app_context():
        ids = [accounts.add_person(None, None).id for _ in range(PEOPLE)]
        secret = api_tokens.create("load")
    return Site(folder, app, environ, ids, secret, folder / "log")


@pytest.fixture(params=["postgresql"])
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


def judge(site: Site, address: str, people: People, fault_at: float) -> Figures:
    """Return the figures; fail if an acknowledged rating is missing."""
    figures = people.figures(fault_at, site.stored())
    assert figures.missing == 0
    site.check(address)
    return figures


@pytest.mark.parametrize("database_server", SERVERS if LONG else ["postgresql"], indirect=True)
def test_killed_worker_fails_only_its_requests_in_progress(
    site: Site, database_server: Server, record: Record
) -> None:
    with site.serve() as (address, master):
        wait_for_release(address, FIRST)
        with People(address, site.secret, site.ids, AcknowledgedWrites()) as people:
            people.go_on()
            fault_at = time.monotonic()
            for _ in range(5 if LONG else 1):
                before = workers_of(master)
                os.kill(before[0], signal.SIGKILL)
                people.go_on()
                assert len(workers_of(master)) == len(before)
                assert before[0] not in workers_of(master)
        figures = judge(site, address, people, fault_at)
    assert set(people.statuses()) <= {200, BROKEN}
    assert figures.failed <= PEOPLE * (5 if LONG else 1)
    assert "was sent SIGKILL" in site.log.read_text()
    times = " five times" if LONG else ""
    record(f"{database_server.kind}: a worker killed{times}", figures)


@pytest.mark.parametrize("database_server", SERVERS, indirect=True)
def test_database_outage_is_reported_and_recovered_from_at_once(
    site: Site, database_server: Server, record: Record
) -> None:
    away = 10.0 if LONG else 1.0
    with site.serve() as (address, _):
        wait_for_release(address, FIRST)
        with People(address, site.secret, site.ids, AcknowledgedWrites()) as people:
            people.go_on()
            fault_at = time.monotonic()
            database_server.stop()
            assert ask(f"{address}/health", "")[0] == 200
            assert ask(f"{address}/ready", "")[0] == 503
            time.sleep(away)
            database_server.start()
            people.go_on()
        figures = judge(site, address, people, fault_at)
    assert set(people.statuses()) == {200, 503}
    assert people.slowest(fault_at) < SOON
    assert figures.recovered < away + SOON
    assert "Traceback" not in site.log.read_text()
    record(f"{database_server.kind}: away for {away:g} seconds", figures)


class Redis:
    """A Redis server without persistence, on its own port."""

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
        """Return the number of counters in Redis."""
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
    """Return the number of requests of a personal token before one is rejected."""
    for number in range(100):
        status, _ = ask(f"{address}/api/v1/movie/1", secret)
        if status == 429:
            return number
        assert status == 200
    raise AssertionError("nothing is ever refused")


# (fault of Redis, recovery)
WAYS: dict[str, tuple[Callable[[Redis], None], Callable[[Redis], None]]] = {
    "gone": (Redis.stop, Redis.start),
    "hanging": (lambda r: r.send(signal.SIGSTOP), lambda r: r.send(signal.SIGCONT)),
}


@pytest.mark.parametrize("way", WAYS)
def test_site_serves_and_limits_when_redis_fails(
    site: Site, redis_server: Redis, way: str, record: Record
) -> None:
    strike, heal = WAYS[way]
    with site.app.app_context():
        mine = [api_tokens.create(f"mine {number}", site.ids[number]) for number in range(2)]
    limits = {"RATELIMIT_ENABLED": "True", "RATELIMIT_PERSONAL_TOKEN": "5/minute"}
    limits |= {"REDIS_URL": redis_server.url, "RATELIMIT_SERVICE_TOKEN": "100000/minute"}
    with site.serve(**limits) as (address, master):
        wait_for_release(address, FIRST)
        with People(address, site.secret, site.ids, AcknowledgedWrites()) as people:
            people.go_on()
            assert limited_after(site, address, mine[0]) == 5  # both processes count together
            fault_at = time.monotonic()
            strike(redis_server)
            people.go_on(10.0 if LONG else 1.0)
            # Each process counts separately.
            assert 5 <= limited_after(site, address, mine[1]) <= 5 * len(workers_of(master))
            heal(redis_server)
            people.go_on()
            wait_until(lambda: redis_server.counters() > 0, 60)
        figures = judge(site, address, people, fault_at)
    assert figures.failed == 0
    assert people.slowest(fault_at) < SOON
    assert "Traceback" not in site.log.read_text()
    assert "no Redis (" in site.log.read_text()
    record(f"Redis {way}", figures)


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a disk hardly larger than the space that a download must leave free.

    It is outside of pytest's folders, because pytest fails on files that it cannot remove, and a
    killed run leaves the mount behind.
    """
    size = s3.RESERVE_BYTES + 20 * 1024**2
    with TemporaryDirectory(prefix="marquee-disk-") as folder:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"needs to mount a small disk, as root can: {made.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk."""
    file = disk / "full"
    with file.open("wb", buffering=0) as full:
        for piece in (2**20, 2**12):
            with suppress(OSError):
                while True:
                    full.write(bytes(piece))
    assert shutil.disk_usage(disk).free == 0
    return file


@pytest.fixture
def on_s3(site: Site, bucket: str) -> Site:
    """The site with releases in S3, the first one in service."""
    store = open_store(f"{bucket}/releases", str(site.folder / "training"))
    publish_tiny(store)
    site.environ |= {"RELEASES": store.place, "RELEASE_CACHE": str(site.folder / "cache")}
    return site


def wait_for_release(address: str, version: str, problem: str = "") -> None:
    """Wait until /ready names a release and a problem in every process."""

    def is_so() -> bool:
        status, printed = ask(f"{address}/ready", "")
        return (
            status == 200
            and printed["release"] == version
            and problem in printed.get("problem", "")
        )

    wait_until(lambda: all(is_so() for _ in range(8)), 60)


def promote(site: Site, proxy: FaultProxy, fault: Fault) -> None:
    """Put the second release into service; ``fault`` begins once its pointer is written."""
    promoted: list[str] = []

    def strike(method: str, path: str) -> str:
        if method == "PUT" and path.endswith("current.json"):
            promoted.append(path)
        return fault(method, path) if promoted and method == "GET" else ""

    proxy.fault = strike
    publish_tiny(open_store(site.environ["RELEASES"], str(site.folder / "training")), SECOND)


def test_full_disk_during_download_keeps_the_current_release_and_leaves_no_files(
    on_s3: Site, proxy: FaultProxy, record: Record
) -> None:
    with small_disk() as disk:
        cache, filled = disk / "cache", []

        def fault(_method: str, path: str) -> str:
            if f"{SECOND}/ranking_factors.npy" in path and not filled:
                filled.append(fill(disk))
            return ""

        with on_s3.serve(RELEASE_CACHE=str(cache)) as (address, _):
            wait_for_release(address, FIRST)
            with People(address, on_s3.secret, on_s3.ids, AcknowledgedWrites()) as people:
                people.go_on()
                fault_at = time.monotonic()
                promote(on_s3, proxy, fault)
                wait_until(lambda: bool(filled), 60)
                wait_for_release(address, FIRST, "MB must stay so; make room")
                people.go_on(5.0 if LONG else 0.0)
                assert {path.name for path in cache.glob("*/*")} == {".lock", FIRST}
                filled[0].unlink()
                wait_for_release(address, SECOND)
                people.go_on()
            figures = judge(on_s3, address, people, fault_at)
    assert figures.failed == 0
    assert "No space left on device" in on_s3.log.read_text()
    assert "release not loaded: s3://" in on_s3.log.read_text()
    record("the disk full while a release comes", figures)


# (fault of S3, affected requests)
S3_FAULTS = [("slow", ""), ("error", ""), ("hang", ""), ("truncate", SECOND), ("lie", SECOND)]


@pytest.mark.parametrize(("fault", "what"), S3_FAULTS if LONG else S3_FAULTS[1::3])
def test_s3_outage_fails_no_request(
    on_s3: Site, proxy: FaultProxy, record: Record, fault: str, what: str
) -> None:
    with on_s3.serve() as (address, _):
        wait_for_release(address, FIRST)
        with People(address, on_s3.secret, on_s3.ids, AcknowledgedWrites()) as people:
            people.go_on()
            fault_at = time.monotonic()
            promote(on_s3, proxy, lambda _, path: fault if what in path else "")
            people.go_on(10.0 if LONG else 1.0)
            proxy.fault = lambda *_: ""
            wait_for_release(address, SECOND)
            people.go_on()
        figures = judge(on_s3, address, people, fault_at)
    assert figures.failed == 0
    assert people.slowest(fault_at) < SOON
    record(f"S3: {fault}", figures)


def test_site_serves_when_clock_is_set_back_one_hour(site: Site, record: Record) -> None:
    clock = site.folder / "clock"
    clock.write_text("0")
    limits = {"RATELIMIT_ENABLED": "True", "RATELIMIT_SERVICE_TOKEN": "100000/minute"}
    with site.serve("tests.support.clock_skew:application", CLOCK=str(clock), **limits) as (
        address,
        _,
    ):
        wait_for_release(address, FIRST)
        with People(address, site.secret, site.ids, AcknowledgedWrites()) as people:
            people.go_on()
            fault_at = time.monotonic()
            replace_text(clock, "-3600")
            people.go_on(10.0 if LONG else 1.0)
            assert hours_back(address, site.secret, site.ids[0]) == pytest.approx(1, abs=0.1)
            publish_tiny(ReleaseStore(site.environ["RELEASES"]), SECOND)
            wait_for_release(address, SECOND)
            people.go_on()
        figures = judge(site, address, people, fault_at)
    assert figures.failed == 0
    record("the clock set back an hour", figures)


def replace_text(file: Path, text: str) -> None:
    """Replace a file atomically, because it is read all the time."""
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


def hours_back(address: str, secret: str, person: int) -> float:
    """Return how far the site's clock is behind, by the time of a newly stored rating."""
    body = {"movie_id": NOT_RATED, "rating": 3}
    status, shown_text = ask(f"{address}/api/v1/user/{person}/rating", secret, "PUT", body)
    assert status == 200
    return (datetime.now(UTC) - datetime.fromisoformat(shown_text["ts"])).total_seconds() / 3600
