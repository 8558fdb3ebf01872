"""Titles' counts and means follow the database while the release's age."""

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


def test_new_ratings_are_added_to_those_of_the_release(
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


def test_what_the_release_was_fitted_on_is_not_counted_twice(app: Flask, rest: Rest) -> None:
    with app.app_context():
        made = "2025-06-01T00:00:00+00:00"
        db.session.add(User(id=5, from_data_set=True))
        db.session.flush()
        at = clock.datetime.fromisoformat(made)
        db.session.add(Rating(user_id=5, item_id=1, rating=1.0, rated_at=at))
        db.session.commit()
    refresh(app)
    assert figures(app, 1) == (20, 4.0)


def test_implicit_ratings_are_no_votes(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 55})
    refresh(app)
    assert figures(app, 55) == (0, None)


def test_a_new_release_does_not_set_the_statistics_back(
    app: Flask, rest: Rest, someone: int
) -> None:
    from app.catalogue.items import sync_catalogue

    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 55, "rating": 2})
    with app.app_context():
        sync_catalogue(serving.watcher.model.release, again=True)
    assert figures(app, 55) == (1, 2.0)


def test_of_all_processes_one_does_the_work(app: Flask, rest: Rest) -> None:
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


def test_the_site_refreshes_by_itself(app: Flask, rest: Rest, someone: int, environ: dict) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 55, "rating": 2})
    site = create_app({**environ, "STATISTICS_MINUTES": "0.01"}, TESTING=True)
    site.test_client().get("/health")
    wait_until(lambda: figures(app, 55) == (1, 2.0), 30)
    site.extensions["statistics"].set()
    assert figures(app, 55) == (1, 2.0)
    with site.app_context():
        db.engine.dispose()
