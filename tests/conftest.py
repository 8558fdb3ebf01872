"""Fixtures that several files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app import create_app
from app.extensions import db
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest, client_with_token
from tests.support.databases import DATABASES, SERVERS, Server, empty, migrate, new_database
from tests.support.releases import publish_tiny
from tests.support.site import (
    confirm_address,
    real_data,
    register,
    settings,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.register_assert_rewrite("tests.support.browser")


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of MovieLens latest-small."""
    return real_data("ml-latest-small")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One session for all tests, with small shuffles."""
    from spark_jobs.session import build_session

    session = build_session("tests")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def trained_store(movielens: Path, tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    """A store with a release that ``train`` fitted on MovieLens latest-small."""
    from spark_jobs import train

    releases = tmp_path_factory.mktemp("trained")
    assert train.main(["--data", str(movielens), "--releases", str(releases)]) == 0
    return ReleaseStore(releases)


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """An empty release store."""
    return ReleaseStore(tmp_path / "releases")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all migrations done, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "site.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Server]]:
    """Call it with mariadb or postgresql for a server, started when it is first asked for."""
    with ExitStack() as running:
        yield cache(lambda name: running.enter_context(SERVERS[name]()))


@pytest.fixture(scope="module", params=DATABASES)
def migrated_database(
    request: pytest.FixtureRequest,
    servers: Callable[[str], Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The address of a database of a module's own, with all migrations done, on each in turn."""
    url = new_database(request.param, servers, tmp_path_factory.mktemp("database"))
    migrate(url)
    return url


@pytest.fixture(scope="session")
def migrated_server(servers: Callable[[str], Server]) -> str:
    """The address of a database with all migrations done, on MARQUEE_TEST_DATABASE."""
    url = servers(os.environ["MARQUEE_TEST_DATABASE"]).url
    migrate(url)
    return url


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A database for this test, with all migrations done.

    It is a SQLite file, or where MARQUEE_TEST_DATABASE is mariadb or postgresql one of such a
    server.
    """
    if "MARQUEE_TEST_DATABASE" in os.environ:
        address: str = request.getfixturevalue("migrated_server")
        empty(address)
        return address
    return Path(shutil.copy(request.getfixturevalue("migrated"), tmp_path / "site.db"))


@pytest.fixture
def environ(store: ReleaseStore, database: Path | str) -> dict[str, str]:
    """Settings of a site whose database is there and whose release is not."""
    return settings(database, store.folder)


@pytest.fixture
def closed_app(environ: dict[str, str]) -> Iterator[Flask]:
    """A site with a database and no release yet."""
    app = create_app(environ, TESTING=True, WTF_CSRF_ENABLED=False)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(closed_app: Flask, store: ReleaseStore) -> Flask:
    """A site that serves the tiny release."""
    publish_tiny(store)
    return closed_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A guest."""
    return app.test_client()


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    """A person who has just signed up and confirmed her address."""
    client = app.test_client()
    register(client, "ann")
    confirm_address(app, "ann")
    return client


@pytest.fixture
def rest(app: Flask) -> Rest:
    """A REST client with a service token; the catalogue is in the database."""
    app.test_client().get("/health")
    return client_with_token(app, "service")


@pytest.fixture
def someone(rest: Rest) -> int:
    """The id of a user that a REST client added."""
    added = rest.answer("PUT", "/user", {"gender": "F", "year_of_birth": 1990})
    return int(added["user_id"])


@pytest.fixture
def count_queries(app: Flask) -> Iterator[Callable[[], list[str]]]:
    """Call it to start listening; the list it returns grows by each statement.

    What the watcher asks is left out: in service it asks in its period, here at every request.
    """
    recorded: list[str] = []

    def listen(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM experiments" not in statement:
            recorded.append(statement)

    with app.app_context():
        engine = db.engine

    def start() -> list[str]:
        event.listen(engine, "before_cursor_execute", listen)
        return recorded

    yield start
    event.remove(engine, "before_cursor_execute", listen)
