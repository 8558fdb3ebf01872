"""Counts and means of items follow the database, while those of the release become old."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app import create_app
from app.catalogue import item_statistics
from app.db import clock
from app.extensions import db
from app.models import Item, Rating, SiteState, User
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease
from recommender.storage.release import Release
from tests.support.api import Rest
from tests.support.servers import wait_until

pytestmark = pytest.mark.every_database


def figures(app: Flask, item_id: int) -> tuple[int, float | None]:
    with app.app_context():
        item = db.session.get(Item, item_id)
        return item.rating_count, item.rating_mean


def refresh(app: Flask) -> int:
    with app.app_context():
        changed = item_statistics.refresh(serving.watcher.model.release)
        db.session.commit()
        return changed


def test_refresh_adds_new_ratings_to_the_counts_of_the_release(
    app: Flask, rest: Rest, someone: int
) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 1})
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 55, "rating": 2})
    assert figures(app, 1) == (20, 4.0)
    assert refresh(app) >= 2
    assert figures(app, 1) == (21, pytest.approx(81 / 21))
    assert figures(app, 55) == (1, 2.0)
    assert refresh(app) == 0
    rest.answer("DELETE", f"/user/{someone}/rating", {"movie_id": 55})
    refresh(app)
    assert figures(app, 55) == (0, None)


def test_refresh_does_not_count_training_ratings_twice(app: Flask, rest: Rest) -> None:
    with app.app_context():
        made = "2025-06-01T00:00:00+00:00"
        db.session.add(User(id=5, from_data_set=True))
        db.session.flush()
        at = clock.datetime.fromisoformat(made)
        db.session.add(Rating(user_id=5, item_id=1, rating=1.0, rated_at=at))
        db.session.commit()
    refresh(app)
    assert figures(app, 1) == (20, 4.0)


def test_refresh_excludes_implicit_ratings(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 55})
    refresh(app)
    assert figures(app, 55) == (0, None)


def test_sync_catalogue_keeps_refreshed_statistics(app: Flask, rest: Rest, someone: int) -> None:
    from app.catalogue.items import sync_catalogue

    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 55, "rating": 2})
    with app.app_context():
        sync_catalogue(serving.watcher.model.release, again=True)
    assert figures(app, 55) == (1, 2.0)


def test_take_turn_succeeds_for_one_process_only(app: Flask, rest: Rest) -> None:
    turns: list[bool] = []

    def ask() -> None:
        with app.app_context():
            turns.append(item_statistics.take_turn(timedelta(minutes=10)))

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert sorted(turns) == [False] * 5 + [True]
    with app.app_context():
        earlier = clock.utcnow() - timedelta(minutes=11)
        db.session.execute(update(SiteState).values(statistics_at=earlier))
        db.session.commit()
        assert item_statistics.take_turn(timedelta(minutes=10))
        assert not item_statistics.take_turn(timedelta(minutes=10))


def test_statistics_are_refreshed_in_the_background(
    app: Flask, rest: Rest, someone: int, environ: dict
) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 55, "rating": 2})
    site = create_app({**environ, "STATISTICS_MINUTES": "0.01"}, TESTING=True)
    site.test_client().get("/health")
    wait_until(lambda: figures(app, 55) == (1, 2.0), 30)
    site.extensions["statistics"].set()
    assert figures(app, 55) == (1, 2.0)
    with site.app_context():
        db.engine.dispose()


def test_statistics_wait_for_a_release_and_keep_their_turn(
    app: Flask,
    rest: Rest,
    environ: dict,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(item_statistics, "WAIT_FOR_RELEASE", 0.01)
    asked, refreshed = [], threading.Event()
    with app.app_context():
        release = serving.watcher.model.release

    def release_in_service() -> Release:
        asked.append(1)
        if len(asked) < 3:
            raise NoRelease("no release has been loaded yet")
        return release

    site = create_app({**environ, "STATISTICS_MINUTES": "0"}, TESTING=True)
    site.config["STATISTICS_MINUTES"] = 60.0
    item_statistics.init_app(site, release_in_service, refreshed.set)
    site.test_client().get("/health")
    assert refreshed.wait(30)
    site.extensions["statistics"].set()
    assert len(asked) == 3
    assert "statistics not refreshed" not in caplog.text
    with site.app_context():
        db.engine.dispose()
