"""A release of another catalogue is not served while the database has ratings of the first."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import structs
from sqlalchemy import select, update

from app.extensions import db
from app.models import CatalogueState, Item, OpenLine, Rating, SiteState
from app.recommend.one_catalogue import unit_of
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.releases import (
    FIRST,
    ITEMS,
    SECOND,
    no_parity_sample,
    publish_tiny,
    publish_tiny_games,
    tiny_release,
)
from tests.support.tiny_catalogues import books_release, songs_release, tools_release

pytestmark = pytest.mark.every_database
GAMES = "20260202-000000-bbbb"
WAY_OUT = "give this site a DATABASE_URL of its own, or delete the ratings (`flask delete-ratings`)"


@pytest.fixture
def rated(ann: FlaskClient) -> FlaskClient:
    """A person who gave four stars."""
    assert ann.get("/ready").status_code == 200
    assert ann.post("/title/1/rating", data={"rating": "4"}).status_code == 303
    return ann


def publish_other_titles(store: ReleaseStore, share: float) -> None:
    """Promote a release in which ``share`` of the films have the ids of others."""
    changed = int(share * len(ITEMS))
    items = [
        structs.replace(item, title=f"Another {number}", imdb_id=None) if number < changed else item
        for number, item in enumerate(ITEMS)
    ]
    store.publish(tiny_release(SECOND), items, no_parity_sample())
    store.promote(SECOND)


def test_hours_are_not_served_on_a_database_of_stars(rated: FlaskClient, store: ReleaseStore):
    publish_tiny_games(store)
    answer = rated.get("/ready")
    assert (answer.status_code, answer.json["release"]) == (200, FIRST)
    assert "it counts hours, and the ratings in the database are stars" in answer.json["problem"]
    assert WAY_OUT in answer.json["problem"]
    assert rated.get("/title/1").status_code == 200


def test_ready_says_why_a_site_that_starts_serves_nothing(
    rated: FlaskClient, app: Flask, store: ReleaseStore
):
    publish_tiny_games(store)
    app.extensions["serving"]._current = None
    answer = rated.get("/ready")
    assert answer.status_code == 503
    assert WAY_OUT in answer.json["reason"]


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_releases_promote_refuses_another_catalogue_even_by_force(
    rated: FlaskClient, app: Flask, store: ReleaseStore, options: list[str]
):
    publish_tiny_games(store)
    store.rollback()
    rated.get("/ready")
    status, output = run(app, "releases", "promote", GAMES, *options)
    assert status == 2
    assert (WAY_OUT in output) == bool(options)  # without --force the change itself is named
    assert store.current().version == FIRST


def test_releases_rollback_refuses_another_catalogue(
    closed_app: Flask, store: ReleaseStore, ann: FlaskClient
):
    publish_tiny_games(store)
    publish_tiny(store, SECOND)
    ann.post("/title/1/rating", data={"rating": "4"})
    status, output = run(closed_app, "releases", "rollback")
    assert (status, WAY_OUT in output) == (2, True)
    assert store.current().version == SECOND


def test_sync_catalogue_refuses_another_catalogue(
    rated: FlaskClient, app: Flask, store: ReleaseStore
):
    publish_tiny_games(store)
    status, output = run(app, "sync-catalogue")
    assert (status, WAY_OUT in output) == (2, True)
    with app.app_context():
        assert db.session.get(Item, 1).title == "Space Station"


def test_ids_of_other_titles_are_refused(rated: FlaskClient, store: ReleaseStore):
    publish_other_titles(store, 1.0)
    answer = rated.get("/ready").json
    assert answer["release"] == FIRST
    assert "of the 1 titles most rated here 0 have the same id in it" in answer["problem"]


def test_a_few_new_titles_are_served(rated: FlaskClient, store: ReleaseStore):
    for item_id in (3, 13, 21, 34):
        rated.post(f"/title/{item_id}/rating", data={"rating": "4"})
    publish_other_titles(store, 0.25)
    assert rated.get("/ready").json == {"status": "ready", "release": SECOND}


def test_another_catalogue_is_served_while_there_are_no_ratings(
    ann: FlaskClient, store: ReleaseStore, app: Flask
):
    assert ann.get("/ready").status_code == 200
    publish_tiny_games(store)
    assert ann.get("/ready").json == {"status": "ready", "release": GAMES}
    with app.app_context():
        assert db.session.scalar(select(SiteState.rating_unit)) == "hours"


def test_hours_of_a_line_that_waits_count_as_ratings(
    ann: FlaskClient, app: Flask, store: ReleaseStore
):
    publish_tiny(store, SECOND)
    ann.get("/ready")
    with app.app_context():
        line = OpenLine(user_id=21, key="k", line=1, title="x", original_title="", mark="rated")
        line.rating = 3.5
        db.session.add(line)
        db.session.commit()
    publish_tiny_games(store)
    assert WAY_OUT in ann.get("/ready").json["problem"]


def test_ratings_of_a_version_that_noted_no_unit_are_judged_by_their_values(
    rated: FlaskClient, app: Flask, store: ReleaseStore
):
    publish_tiny(store, SECOND)
    with app.app_context():
        db.session.execute(update(SiteState).values(rating_unit=None))
        db.session.execute(update(Rating).values(rating=120.0))
        db.session.execute(update(CatalogueState).values(version="older"))
        db.session.commit()
    problem = rated.get("/ready").json["problem"]
    assert "it counts stars, and the ratings in the database are hours" in problem


def test_delete_ratings_is_the_way_to_another_catalogue(
    rated: FlaskClient, app: Flask, store: ReleaseStore
):
    publish_tiny_games(store)
    assert WAY_OUT in rated.get("/ready").json["problem"]
    status, output = run(app, "delete-ratings")
    assert (status, output.startswith("error: this deletes 1 ratings")) == (2, True)
    assert run(app, "delete-ratings", "--yes") == (0, "1 ratings are deleted\n")
    assert rated.get("/ready").json == {"status": "ready", "release": GAMES}
    assert rated.get("/").status_code == 200


def test_unit_of_names_what_is_counted():
    stars = tiny_release().catalogue
    assert unit_of(stars) == "stars"
    assert unit_of(books_release().catalogue) == "stars of a scale up to 10"
    assert unit_of(songs_release().catalogue) == "plays"
    assert unit_of(tools_release().catalogue) == "what people have"
    assert unit_of(structs.replace(stars, feedback="implicit")) == "hours"
