"""The site on releases in S3: swapped while serving, and kept when S3 fails."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.accounts import api_tokens
from app.extensions import db
from app.recommend.model_watcher import FIRST_LOAD_SECONDS
from recommender.storage import s3
from recommender.storage.s3_release_store import S3Store, open_store
from tests.support.aws import FaultProxy
from tests.support.commands import run
from tests.support.releases import publish_tiny
from tests.support.s3_releases import DAMAGES, NEWEST, fetched, publish
from tests.support.servers import gunicorn

pytest_plugins = ["tests.support.fixtures.s3"]

FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"


@pytest.fixture
def remote(bucket: str, tmp_path: Path) -> S3Store:
    """An empty store in S3, as the machine that trains sees it."""
    store = open_store(f"{bucket}/releases", str(tmp_path / "training"))
    assert isinstance(store, S3Store)
    return store


@pytest.fixture
def on_s3(environ: dict[str, str], remote: S3Store, tmp_path: Path) -> dict[str, str]:
    """Settings of a site that serves from there."""
    return {
        **environ,
        "RELEASES": remote.place,
        "RELEASE_CACHE": str(tmp_path / "serving"),
        "RELEASE_POLL_SECONDS": "3600",
    }


@pytest.fixture
def site(on_s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A site with short S3 timeouts that polls on demand."""
    monkeypatch.setattr(s3, "READ_SECONDS", 0.3)
    monkeypatch.setattr(s3, "ATTEMPTS", 2)
    s3.client.cache_clear()
    app = create_app(on_s3, TESTING=True)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(site: Flask) -> FlaskClient:
    return site.test_client()


def look(client: FlaskClient) -> dict:
    """Return the content of /ready after the site polled for a release."""
    client.application.extensions["serving"].refresh()
    return client.get("/ready").json


def serves(version: str) -> dict:
    return {"status": "ready", "release": version}


def problems(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.startswith("release not loaded")]


def test_release_promoted_in_s3_is_served(client: FlaskClient, remote: S3Store) -> None:
    output = client.get("/ready")
    assert output.status_code == 503
    assert f"{remote.place}: no release has been promoted yet" in output.json["reason"]
    publish_tiny(remote)
    assert look(client) == serves(FIRST)
    publish_tiny(remote, SECOND)
    assert look(client) == serves(SECOND)
    remote.rollback()
    assert look(client) == serves(FIRST)


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGES)
def test_current_release_stays_in_service_when_the_new_one_is_damaged_in_s3(
    client: FlaskClient,
    remote: S3Store,
    damage: Callable[[S3Store, str], str],
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish_tiny(remote)
    assert look(client) == serves(FIRST)
    publish(remote, SECOND)
    named = damage(remote, SECOND)
    proxy.seen.clear()
    with caplog.at_level(logging.WARNING):
        point_to(remote, SECOND)
        output = [look(client) for _ in range(3)][-1]
    assert (output["status"], output["release"]) == ("ready", FIRST)
    assert output["problem"].startswith(f"{named}: ")
    assert len(problems(caplog)) == 1
    assert named in problems(caplog)[0]
    assert max(Counter(fetched(proxy)).values()) == 1  # not downloaded again at each poll
    publish_tiny(remote, NEWEST)
    assert look(client) == serves(NEWEST)


def point_to(store: S3Store, version: str) -> None:
    """Let the pointer name a release, as if it was damaged after its promotion."""
    bucket, key = s3.split(f"{store.place}/current.json")
    pointer = {"version": version, "promoted_at": "2026-01-02T00:00:00+00:00", "previous": FIRST}
    s3.client().put_object(Bucket=bucket, Key=key, Body=json.dumps(pointer).encode())


# (fault, affected requests)
FAULTS = [
    ("error", "current.json"),
    ("hang", "current.json"),
    ("error", f"{SECOND}/ranking_factors.npy"),
    ("hang", f"{SECOND}/ranking_factors.npy"),
    ("truncate", f"{SECOND}/ranking_factors.npy"),
    ("error", "list-type=2"),
    ("hang", "list-type=2"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("fault", "what"), FAULTS, ids=[f"{f} {w[-12:]}" for f, w in FAULTS])
def test_current_release_stays_in_service_until_s3_recovers(
    client: FlaskClient,
    remote: S3Store,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    what: str,
) -> None:
    publish_tiny(remote)
    assert look(client) == serves(FIRST)
    publish_tiny(remote, SECOND) if "current" in what else publish(remote, SECOND)
    asked: list[str] = []

    def break_down(method: str, path: str) -> str:
        asked.append(path)
        return fault if method == "GET" and what in path else ""

    proxy.fault = break_down
    if "current" not in what:
        point_to(remote, SECOND)
    with caplog.at_level(logging.WARNING):
        output = [look(client) for _ in range(2)][-1]
        before = len(asked)
        assert client.get("/login").status_code == 200
        assert len(asked) == before  # a page does not wait for S3
    assert (output["status"], output["release"]) == ("ready", FIRST)
    assert "s3://" in output["problem"]
    assert len(problems(caplog)) == 1
    proxy.fault = lambda *_: ""
    assert look(client) == serves(SECOND)


@pytest.mark.faults
def test_site_is_alive_and_not_ready_when_s3_hangs_at_start(
    client: FlaskClient, remote: S3Store, proxy: FaultProxy
) -> None:
    publish_tiny(remote)
    proxy.fault = lambda *_: "hang"
    start = time.monotonic()
    assert client.get("/health").status_code == 200
    assert time.monotonic() - start < FIRST_LOAD_SECONDS
    assert client.get("/login").status_code == 200
    assert time.monotonic() - start < 2 * FIRST_LOAD_SECONDS
    output = look(client)
    assert output["status"] == "not ready"
    assert f"{remote.place}/current.json: " in output["reason"]
    proxy.fault = lambda *_: ""
    assert look(client) == serves(FIRST)


def test_releases_command_works_on_s3(site: Flask, remote: S3Store) -> None:
    publish(remote, SECOND)
    publish_tiny(remote)
    assert run(site, "releases", "list") == (0, f"* {FIRST}\n  {SECOND}\n")
    promoted = f"{SECOND} is in service (before: {FIRST})\n"
    assert run(site, "releases", "promote", SECOND) == (0, promoted)
    assert run(site, "releases", "current") == (0, f"{SECOND}\n")
    status, output = run(site, "releases", "verify")
    assert (status, output.splitlines()[0]) == (0, f"{SECOND}: files are whole")
    assert run(site, "releases", "rollback")[0] == 0
    assert remote.current().version == FIRST
    status, output = run(site, "releases", "promote", NEWEST)
    assert (status, output.count("\n")) == (2, 1)
    assert f"{remote.place}/{NEWEST}: no such release" in output


# The tolerance is for busy machines: the clients alone occupy two cores.
PERIOD, SLACK, CALLERS, ENOUGH = 1.0, 3.0, 4, 20


@dataclass(frozen=True)
class Answer:
    begun: float
    status: int
    version: str | None


class Load:
    """Clients that request recommendations continuously, one request after the other."""

    def __init__(self, address: str, token: str):
        self._url = f"{address}/api/v1/recommendations/batch"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._ended = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        self.answers: list[Answer] = []

    def __enter__(self) -> Load:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for caller in self._callers:
            caller.join()

    def wait_for(self, begun: float, version: str) -> None:
        """Wait until enough requests that began after a moment were answered by a version."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answers = [answer for answer in self.answers if answer.begun > begun]
            if sum(answer.version == version for answer in answers) >= ENOUGH:
                return
            time.sleep(0.05)
        raise AssertionError(Counter((a.status, a.version) for a in self.answers))

    def _call(self) -> None:
        asked = b'{"limit": 3, "requests": [{"ratings": [{"movie_id": 1, "rating": 5}]}]}'
        while not self._ended.is_set():
            begun = time.monotonic()
            request = urllib.request.Request(self._url, asked, self._headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    version = answer.headers["X-Model-Version"]
                    self.answers.append(Answer(begun, answer.status, version))
            except (urllib.error.URLError, OSError) as error:
                self.answers.append(Answer(begun, getattr(error, "code", 0), None))


def test_promotion_in_s3_fails_no_request_and_is_served_within_the_period(
    on_s3: dict[str, str], remote: S3Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    publish_tiny(remote)
    app = create_app(on_s3, TESTING=True)
    with app.app_context():
        token = api_tokens.create("load", None)
        db.engine.dispose()
    assert run(app, "sync-catalogue")[0] == 0  # as in a deployment before serving
    settings = {**on_s3, "RELEASE_POLL_SECONDS": str(PERIOD), "RATELIMIT_ENABLED": "False"}
    with gunicorn(settings, tmp_path / "gunicorn.log") as address, Load(address, token) as load:
        load.wait_for(0, FIRST)
        publish(remote, SECOND)
        proxy.seen.clear()
        remote.promote(SECOND)
        promoted = time.monotonic()
        load.wait_for(promoted + PERIOD + SLACK, SECOND)
    failed = [(a.begun - promoted, a.status) for a in load.answers if a.status != 200]
    assert failed == []
    last_of_the_old = max(answer.begun for answer in load.answers if answer.version == FIRST)
    assert last_of_the_old - promoted < PERIOD + SLACK
    downloads = Counter(fetched(proxy))
    assert set(downloads.values()) == {2}  # by the promotion, and one for both workers
