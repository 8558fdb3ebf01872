"""The release in service: loaded, watched, swapped, and kept if the next one fails."""

from __future__ import annotations

import gc
import logging
import sqlite3
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import structs
from sqlalchemy import text

from app import create_app
from app.extensions import db
from app.models import CatalogueState, Item, SiteState
from app.recommend.model_watcher import serving
from recommender.catalogue import CatalogueItem
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import (
    FIRST,
    ITEMS,
    SECOND,
    flip_a_byte,
    no_parity_sample,
    publish_tiny,
    remove_a_file,
    tiny_release,
    truncate,
)
from tests.support.servers import wait_until
from tests.support.site import register


def make_newer(folder: Path) -> str:
    path = folder / "release.json"
    path.write_text(path.read_text().replace('"format_version": 2', '"format_version": 4'))
    return path.name


def test_site_says_that_no_model_is_in_service_before_the_first_release(closed_app: Flask) -> None:
    client = closed_app.test_client()
    assert "no model is in service" in client.get("/login").text
    register(client, "ann")
    home = client.get("/")
    assert (home.status_code, "Not open yet" in home.text) == (200, True)
    assert client.get("/popular").status_code == 200
    assert client.get("/search?q=space").status_code == 200
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "no release has been promoted yet" in ready.json["reason"]
    assert client.get("/health").status_code == 200


def test_first_release_is_served_without_restart(closed_app: Flask, store: ReleaseStore) -> None:
    client = closed_app.test_client()
    assert client.get("/ready").status_code == 503
    publish_tiny(store)
    assert client.get("/ready").json == {"status": "ready", "release": FIRST}


def test_promoted_release_replaces_the_current_one(
    client: FlaskClient, store: ReleaseStore
) -> None:
    assert client.get("/ready").json["release"] == FIRST
    publish_tiny(store, SECOND)
    assert client.get("/ready").json["release"] == SECOND
    store.rollback()
    assert client.get("/ready").headers["X-Model-Version"] == FIRST


@pytest.mark.parametrize("damage", [truncate, flip_a_byte, make_newer, remove_a_file])
def test_current_release_stays_in_service_when_the_new_one_does_not_verify(
    client: FlaskClient,
    store: ReleaseStore,
    damage: Callable[[Path], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.get("/ready")
    publish_tiny(store, SECOND)
    named = damage(store.folder / SECOND)
    with caplog.at_level(logging.WARNING):
        answers = [client.get("/ready") for _ in range(3)]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json["release"] == FIRST
        assert named in answer.json["problem"]
    assert len([line for line in caplog.messages if named in line]) == 1


def test_current_release_stays_in_service_when_the_pointer_is_damaged(
    client: FlaskClient, store: ReleaseStore
) -> None:
    client.get("/ready")
    (store.folder / "current.json").write_text("{")
    answer = client.get("/ready").json
    assert answer["release"] == FIRST
    assert "current.json" in answer["problem"]


def test_items_are_synced_when_their_release_is_served(
    app: Flask, client: FlaskClient, store: ReleaseStore
) -> None:
    client.get("/ready")
    changed = [*ITEMS[1:], CatalogueItem(99, "Brand New", 2026, ("Drama",))]
    store.publish(tiny_release(SECOND), changed, no_parity_sample())
    store.promote(SECOND)
    client.get("/ready")
    with app.app_context():
        assert db.session.get(Item, 99).title == "Brand New"
        assert db.session.get(Item, 1).title == "Space Station"
        assert db.session.get(CatalogueState, 1).version == SECOND


def test_next_user_id_rises_with_the_data_set_and_never_falls(
    app: Flask, store: ReleaseStore
) -> None:
    client = app.test_client()
    client.get("/ready")
    for version, largest, expected in ((SECOND, 1000, 1000), ("20260103-x", 5, 1000)):
        release = tiny_release(version)
        release = replace(
            release, catalogue=structs.replace(release.catalogue, max_user_id=largest)
        )
        store.publish(release, ITEMS, no_parity_sample())
        store.promote(version)
        client.get("/ready")
        with app.app_context():
            assert db.session.get(SiteState, 1).last_user_id == expected


def test_current_release_stays_in_service_when_the_database_fails(
    app: Flask, client: FlaskClient, store: ReleaseStore
) -> None:
    client.get("/ready")
    publish_tiny(store, SECOND)
    with app.app_context():
        db.drop_all()
    answer = client.get("/ready")
    assert answer.json["release"] == FIRST
    assert "flask db upgrade" in answer.json["problem"]


def test_ready_is_503_when_database_is_unreachable(
    closed_app: Flask, environ: dict[str, str]
) -> None:
    lost = {**environ, "DATABASE_URL": "sqlite:////nowhere/at/all.db"}
    client = create_app(lost, TESTING=True).test_client()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "no database" in answer.json["reason"]
    assert client.get("/health").status_code == 200


@pytest.fixture
def own_store(tmp_path: Path) -> ReleaseStore:
    """A store that no other test changes: a thread that watches it outlives its test."""
    own = ReleaseStore(tmp_path / "releases")
    publish_tiny(own)
    return own


def test_watcher_swaps_the_release_within_its_period(
    app: Flask, environ: dict[str, str], own_store: ReleaseStore
) -> None:
    often = {**environ, "RELEASES": str(own_store.folder), "RELEASE_POLL_SECONDS": "0.05"}
    watching = create_app(often, TESTING=True).test_client()
    assert watching.get("/ready").json["release"] == FIRST
    publish_tiny(own_store, SECOND)
    wait_until(lambda: watching.get("/ready").json["release"] == SECOND, 10)


def test_previous_release_is_freed_when_a_request_left_it_in_a_reference_cycle(
    app: Flask, environ: dict[str, str], own_store: ReleaseStore
) -> None:
    often = {**environ, "RELEASES": str(own_store.folder), "RELEASE_POLL_SECONDS": "0.2"}
    watching = create_app(often, TESTING=True)
    client = watching.test_client()
    client.get("/ready")
    with watching.app_context():
        cycle: list[object] = [serving.model]
        before = weakref.ref(serving.model)
    cycle.append(cycle)
    gc.disable()
    try:
        del cycle
        publish_tiny(own_store, SECOND)
        assert before() is not None
        wait_until(lambda: before() is None, 10)
        assert client.get("/ready").json["release"] == SECOND
    finally:
        gc.enable()


def test_pages_announce_simulated_data(closed_app: Flask, store: ReleaseStore) -> None:
    release = tiny_release()
    release = replace(release, catalogue=structs.replace(release.catalogue, simulated=True))
    store.publish(release, ITEMS, no_parity_sample())
    store.promote(release.version)
    client = closed_app.test_client()
    assert "simulated" in client.get("/login").text
    register(client, "ann")
    for page in ("/", "/popular", "/ratings", "/search", "/nothing-here"):
        assert "simulated" in client.get(page).text, page


@pytest.mark.server
def test_sync_waits_for_another_process_that_holds_the_sqlite_write_lock(
    environ: dict[str, str], store: ReleaseStore, app: Flask
) -> None:
    """For longer than SQLite's default busy timeout, which is five seconds."""
    publish_tiny(store, "20260102-000000-bbbb")
    with app.app_context():
        assert db.session.scalar(text("PRAGMA busy_timeout")) > 5_000
        db.session.rollback()
    other = sqlite3.connect(environ["DATABASE_URL"].removeprefix("sqlite:///"), timeout=1)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as waiting:
        answer = waiting.submit(app.test_client().get, "/ready")
        time.sleep(0.5)  # so that it waits; without a timeout it would have failed by then
        assert not answer.done()
        other.rollback()
        assert answer.result().status_code == 200
    other.close()
