"""The shelf "New here", and the page of a title that has no mean yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.catalogue.added_titles import NewTitle, hide, merge_title
from app.db.clock import utcnow
from app.extensions import db
from app.home.new_here import NEW_FOR, new_here
from app.models import AddedTitle, Item
from recommender.served_items import ServedItems
from tests.support.added_titles import ANORA, FIRST, bring_title
from tests.support.site import register

pytestmark = pytest.mark.every_database

ANN = 21


def several(app: Flask, count: int) -> list[int]:
    return [bring_title(app, NewTitle(f"Film {number}", 2025)) for number in range(count)]


def unknown(_items: Sequence[Item]) -> Mapping[int, float]:
    return {}


def items_of(app: Flask) -> ServedItems:
    return app.extensions["serving"].model.items


def listed(app: Flask) -> list[int]:
    with app.app_context():
        return [item.id for item in new_here(ANN, unknown, items_of(app))]


def test_new_here_shows_the_newest_titles_first(app: Flask, ann: FlaskClient) -> None:
    ids = several(app, 14)
    assert listed(app) == ids[:1:-1]
    page = ann.get("/").text
    assert "New here" in page
    assert re.findall(r'<h3><a href="/title/(\d+)">', page) == [str(i) for i in ids[:1:-1]]


def test_new_here_leaves_out_what_the_person_knows(app: Flask, ann: FlaskClient) -> None:
    rated, seen, hidden, wanted, other = several(app, 5)
    ann.post(f"/title/{rated}/rating", data={"rating": "4"})
    for item_id, kind in ((seen, "seen"), (hidden, "hidden"), (wanted, "watchlist")):
        ann.post(f"/title/{item_id}/{kind}")
    assert listed(app) == [other, wanted]


def test_new_here_leaves_out_what_the_owner_hid_or_merged(app: Flask, ann: FlaskClient) -> None:
    hidden, merged, other = several(app, 3)
    with app.app_context():
        hide(hidden, is_hidden=True)
        merge_title(merged, 3)
    assert listed(app) == [other]


def test_new_here_leaves_out_what_came_long_ago(app: Flask, ann: FlaskClient) -> None:
    (item_id,) = several(app, 1)
    with app.app_context():
        longer_ago = utcnow() - NEW_FOR - timedelta(minutes=1)
        db.session.execute(update(AddedTitle).values(added_at=longer_ago))
        db.session.commit()
    assert listed(app) == []
    assert "New here" not in ann.get("/").text
    assert "New here" in ann.get(f"/title/{item_id}").text


def test_new_here_is_in_the_order_of_scores(app: Flask, ann: FlaskClient) -> None:
    first, second, third = several(app, 3)

    def fit(items: Sequence[Item]) -> Mapping[int, float]:
        assert {item.id for item in items} == {first, second, third}
        return {first: 0.5, second: 2.0}

    with app.app_context():
        assert [item.id for item in new_here(ANN, fit, items_of(app))] == [second, first, third]


def test_new_here_leaves_out_what_stands_elsewhere_on_the_page(
    app: Flask, ann: FlaskClient
) -> None:
    first, second = several(app, 2)
    with app.app_context():
        assert [item.id for item in new_here(ANN, unknown, items_of(app), {second})] == [first]


def test_front_page_has_no_shelf_while_filters_are_in_force(app: Flask, ann: FlaskClient) -> None:
    bring_title(app)
    assert "New here" in ann.get("/").text
    assert "New here" not in ann.get("/?genre=Romance").text


def test_title_page_says_how_many_rated_a_new_title(app: Flask, ann: FlaskClient) -> None:
    added = bring_title(app)
    assert "New here, not rated yet" in ann.get(f"/title/{added}").text
    bob = app.test_client()
    register(bob, "bob")
    for client in (ann, bob):
        client.post(f"/title/{added}/rating", data={"rating": "4"})
    assert "New here, rated by 2" in ann.get(f"/title/{added}").text
    assert "New here" not in ann.get("/title/1").text
    assert "New here" not in ann.get("/title/55").text


@pytest.mark.parametrize("site", ["games_app", "books_app", "songs_app", "tools_app"])
def test_shelf_speaks_of_the_catalogue(request: pytest.FixtureRequest, site: str) -> None:
    app = request.getfixturevalue(site)
    client = app.test_client()
    register(client, "ann")
    added = bring_title(app, replace(ANORA, imdb_id=None, tmdb_id=None))
    assert added == FIRST
    assert "New here" in client.get("/").text
    assert "New here, " in client.get(f"/title/{added}").text
