"""People can sign up and rate while a release's items are synced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from msgspec.structs import replace

from app import create_app
from app.accounts import service as accounts
from app.catalogue import item_statistics
from app.catalogue.items import sync_catalogue
from app.extensions import db
from app.feedback import ratings
from app.models import CatalogueState, Item
from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import SERVERS, Server, migrate
from tests.support.releases import ITEMS, no_parity_sample, tiny_release
from tests.support.site import PASSWORD, settings

SECOND = "20260102-000000-bbbb"
PATIENCE = 5.0


@pytest.fixture(params=SERVERS)
def site(
    request: pytest.FixtureRequest, servers: Callable[[str], Server], tmp_path: Path
) -> Iterator[Flask]:
    """A site with the tiny release's titles; not on SQLite, which allows one writer at a time."""
    url = servers(request.param).new_database()
    migrate(url)
    app = create_app(settings(url, tmp_path / "releases"))
    with app.app_context():
        sync_catalogue(publish(tmp_path, "20260101-000000-aaaa", ITEMS))
    yield app
    with app.app_context():
        db.engine.dispose()


def publish(folder: Path, version: str, titles: list) -> Release:
    store = ReleaseStore(folder / "releases")
    return store.publish(tiny_release(version), titles, no_parity_sample())


def test_catalogue_sync_does_not_block_requests(
    site: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    while_titles_came: list[str] = []

    def live() -> None:
        with site.app_context():
            ann = accounts.register("ann", "ann@example.com", PASSWORD)
            done.append("signed up")
            ratings.rate(ann.id, ITEMS[1].item_id, 4)
            done.append("rated")

    def refresh(_release: Release) -> int:
        """Replaces the slowest step, while the transaction is open."""
        person = threading.Thread(target=live, daemon=True)
        person.start()
        person.join(PATIENCE)
        while_titles_came.extend(done)
        return 0

    monkeypatch.setattr(item_statistics, "refresh", refresh)
    changed = [replace(ITEMS[0], title="Another Name"), *ITEMS[1:]]
    with site.app_context():
        sync_catalogue(publish(tmp_path, SECOND, changed))
        assert db.session.get_one(Item, ITEMS[0].item_id).title == "Another Name"
        assert db.session.get_one(CatalogueState, 1).version == SECOND
    assert while_titles_came == ["signed up", "rated"]


def test_user_ids_stay_above_the_data_set_and_are_never_reused(site: Flask, tmp_path: Path) -> None:
    with site.app_context():
        ann = accounts.register("ann", "ann@example.com", PASSWORD)
        assert ann.id == 21
        sync_catalogue(publish(tmp_path, SECOND, ITEMS))
        assert accounts.register("bob", "bob@example.com", PASSWORD).id == 22
