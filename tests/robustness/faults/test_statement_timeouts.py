"""A query that hangs gives its thread back; commands and the background may take their time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import create_app
from app.extensions import db
from app.http.request_budget import RETRY_SECONDS
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import SERVERS, Server, migrate
from tests.support.releases import publish_tiny
from tests.support.site import register, settings

pytestmark = pytest.mark.faults
SLEEP = {"mysql": "SELECT SLEEP(5)", "postgresql": "SELECT pg_sleep(5)"}
BRIEFLY = {"mysql": "SELECT SLEEP(1.5)", "postgresql": "SELECT pg_sleep(1.5)"}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    return servers(request.param)


@pytest.fixture
def site(server: Server, store: ReleaseStore) -> Iterator[Flask]:
    """A site whose statements end after a second; /slow takes five."""
    url = server.new_database()
    migrate(url)
    publish_tiny(store)
    environ = {**settings(url, store.folder), "STATEMENT_SECONDS": "1", "DB_POOL": "3"}
    app = create_app(environ, TESTING=True, WTF_CSRF_ENABLED=False)

    @app.get("/slow")
    def slow() -> str:
        db.session.execute(text(SLEEP[server.kind]))
        return "done"

    app.test_client().get("/health")  # syncs the catalogue
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def ann(site: Flask) -> FlaskClient:
    client = site.test_client()
    register(client, "ann")
    return client


def test_query_that_hangs_is_503_and_its_thread_serves_again(
    site: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    asked = time.monotonic()
    for _ in range(2):
        answer = ann.get("/slow")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == str(RETRY_SECONDS)
        assert "took too long" in answer.text
    assert time.monotonic() - asked < 8
    assert "statement given up: /slow" in caplog.text
    assert "Traceback" not in caplog.text
    assert ann.get("/").status_code == 200


def test_statement_outside_of_a_request_is_not_limited(
    server: Server, site: Flask, ann: FlaskClient
) -> None:
    assert ann.get("/").status_code == 200  # with a limit, on the same connection
    with site.app_context():
        db.session.execute(text(BRIEFLY[server.kind]))
        db.session.remove()
    assert ann.get("/slow").status_code == 503


def test_write_that_waits_for_a_lock_is_503_within_the_budget(
    site: Flask, ann: FlaskClient
) -> None:
    site.config["REQUEST_SECONDS"] = 2.0
    with site.app_context(), db.engine.connect() as other:
        other.execute(text("DELETE FROM items"))  # what a rating refers to
        asked = time.monotonic()
        answer = ann.post("/title/1/rating", data={"rating": "4"})
        assert answer.status_code == 503
        other.rollback()
    assert time.monotonic() - asked < 10
    assert ann.post("/title/1/rating", data={"rating": "4"}).status_code == 303


def test_server_that_stops_answering_gives_the_thread_back(
    server: Server, site: Flask, ann: FlaskClient
) -> None:
    if server.kind == "postgresql":
        pytest.skip("libpq has no time limit for an answer: docs/databases.md")
    server.send(signal.SIGSTOP)
    try:
        asked = time.monotonic()
        assert ann.get("/").status_code == 503
        assert time.monotonic() - asked < 20
    finally:
        server.send(signal.SIGCONT)
    assert ann.get("/").status_code == 200


def test_pool_has_as_many_connections_as_set(site: Flask, ann: FlaskClient) -> None:
    with site.app_context():
        pool = db.engine.pool
        pool._timeout = 0.1
        taken = [db.engine.connect() for _ in range(3)]
        assert ann.get("/popular").status_code == 503
        for connection in taken:
            connection.close()
    assert ann.get("/popular").status_code == 200
