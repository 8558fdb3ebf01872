"""The database stops and restarts, without a visible traceback.

For the same under load see tests/robustness/faults/test_site_faults.py.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import config
from app import create_app
from app.db import connections
from app.extensions import db
from app.observability import metrics
from recommender.storage.release_store import ReleaseStore
from tests.support.api import client_with_token
from tests.support.databases import SERVERS, Server, migrate
from tests.support.releases import publish_tiny
from tests.support.site import register, settings

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    return servers(request.param)


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Iterator[Flask]:
    """A site on its own database; the server is started again afterwards."""
    url = server.new_database()
    migrate(url)
    store = ReleaseStore(tmp_path / "releases")
    publish_tiny(store)
    app = create_app(settings(url, store.folder), TESTING=True, WTF_CSRF_ENABLED=False)
    app.test_client().get("/health")  # syncs the catalogue
    yield app
    with app.app_context():
        db.engine.dispose()
    if not server.answers():
        server.start()


@pytest.fixture
def ann(site: Flask) -> FlaskClient:
    client = site.test_client()
    register(client, "ann")
    return client


def test_site_reconnects_when_database_restarts_between_requests(
    server: Server, ann: FlaskClient
) -> None:
    assert ann.post("/title/1/rating", data={"rating": "4"}).status_code == 303
    server.stop()
    server.start()
    assert ann.get("/ready").status_code == 200
    assert ann.post("/title/2/rating", data={"rating": "4"}).status_code == 303
    page = ann.get("/ratings").text
    assert "Space Station" in page
    assert "Space Pirates" in page


def test_pool_pings_only_idle_connections(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.app_context():
        engine = db.engine
    asked: list[object] = []
    monkeypatch.setattr(engine.dialect, "do_ping", asked.append)

    def use() -> int:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return len(asked)

    assert [use(), use(), use()] == [0, 0, 0]
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0)
    assert use() == 1


def test_connection_count_is_right_after_a_reconnect(server: Server, ann: FlaskClient) -> None:
    in_use = metrics.DATABASE_CONNECTIONS.collect
    before = in_use()[0].samples[0].value
    server.stop()
    server.start()
    time.sleep(connections.IDLE_SECONDS)
    assert ann.get("/").status_code == 200
    assert in_use()[0].samples[0].value == before


def test_pages_are_503_and_health_is_200_while_database_is_down(
    server: Server, site: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    rest = client_with_token(site, "service")
    server.stop()
    page = ann.get("/")
    assert page.status_code == 503
    assert "Back in a moment" in page.text
    assert page.headers["Retry-After"] == "5"
    answer = rest("GET", "/movies/top")
    assert (answer.status_code, answer.json["message"]) == (503, "the database is unreachable")
    assert ann.get("/health").status_code == 200
    ready = ann.get("/ready")
    assert ready.status_code == 503
    assert ready.json["reason"] == "no database (OperationalError)"
    assert "no database for /: " in caplog.text
    assert "Traceback" not in caplog.text
    server.start()
    assert ann.get("/").status_code == 200
    assert ann.get("/ready").status_code == 200


def test_failing_query_is_500_and_logged(
    site: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with site.app_context():
        db.session.execute(text("DROP TABLE marks"))
        db.session.commit()
    site.config["PROPAGATE_EXCEPTIONS"] = False  # as in production
    assert ann.get("/").status_code == 500
    assert "marks" in caplog.text


def test_connect_times_out_when_server_hangs(
    server: Server, site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CONNECT_SECONDS", 2)
    url = str(site.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False))
    hasty = create_app(settings(url, Path(site.config["RELEASES"])), TESTING=True)
    server.send(signal.SIGSTOP)
    try:
        asked = time.monotonic()
        with hasty.app_context(), pytest.raises(OperationalError):
            db.session.execute(text("SELECT 1"))
        assert time.monotonic() - asked < 6
    finally:
        server.send(signal.SIGCONT)


def test_open_connections_have_a_tcp_timeout(site: Flask) -> None:
    with site.app_context(), db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        number = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()
        with socket.socket(fileno=socket.dup(number)) as ours:
            timeout = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            idle = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert (timeout, idle) == (config.SILENCE_SECONDS * 1000, config.SILENCE_SECONDS)


def test_pool_wait_times_out_when_all_connections_are_in_use(site: Flask, ann: FlaskClient) -> None:
    with site.app_context():
        pool = db.engine.pool
        taken = [db.engine.connect() for _ in range(site.config["DB_POOL"])]
        pool._timeout = 0.1
        page = ann.get("/")
        for connection in taken:
            connection.close()
    assert page.status_code == 503
    assert ann.get("/").status_code == 200
