"""Onboarding, filters, watchlist and hidden items, and the page of a title, over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.db.clock import utcnow
from app.extensions import db
from app.models import Impression, ListEntry, Rating, Visit
from tests.support.pages import ROMANCE, SCI_FI, shown
from tests.support.site import register

JSON = {"Accept": "application/json"}


def rate(client: FlaskClient, item: int, stars: float, **form: str) -> None:
    answer = client.post(f"/title/{item}/rating", data={"rating": f"{stars:g}", **form})
    assert answer.status_code == 303


# Onboarding


@pytest.mark.every_database
def test_onboarding_asks_about_one_item(ann: FlaskClient) -> None:
    page = ann.get("/welcome").text
    assert "Have you seen this?" in page
    assert len(shown(page)) == 1
    assert "Haven’t seen it" in page
    assert "<progress" in page
    assert 'href="/search"' in page


def test_onboarding_asks_another_question_until_none_is_left(ann: FlaskClient) -> None:
    asked = []
    for number in range(8):
        (item,) = shown(ann.get("/welcome").text)
        asked.append(item)
        if number % 2:
            rate(ann, item, 4, via="onboarding", next="/welcome")
        else:
            ann.post(f"/title/{item}/unseen")
    assert sorted(asked) == sorted(SCI_FI + ROMANCE)
    assert "nothing left to ask" in ann.get("/welcome").text


def test_onboarding_shows_progress(ann: FlaskClient) -> None:
    rate(ann, 1, 5)
    assert "1 rated" in ann.get("/welcome").text
    for item in (2, 3, 5, 8):
        rate(ann, item, 5)
    page = ann.get("/welcome").text
    assert "Your list has settled" in page
    assert 'value="12"' in page


def test_unseen_stores_no_rating_and_item_is_still_recommended(
    app: Flask, ann: FlaskClient
) -> None:
    ann.post("/title/1/unseen")
    assert 1 in shown(ann.get("/").text)
    with app.app_context():
        assert db.session.scalars(select(Rating)).all() == []


# Filters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("genre=Romance", {8, 13, 21}),
        ("not=Sci-Fi", {8, 13, 21, 34}),
        ("genre=Romance&not=Comedy", {13, 21}),
        ("from=1990&to=2001", {3, 8, 13}),
        ("genre=Nothing", {1, 2, 3, 5, 8, 13, 21, 34}),
        ("genre=Romance&to=1950", set()),
    ],
)
def test_home_shows_only_items_that_match_the_filter(
    ann: FlaskClient, query: str, expected: set[int]
) -> None:
    page = ann.get(f"/?show=25&{query}").text
    assert set(shown(page)) == expected
    if not expected:
        assert "No movie fits all of that" in page


def test_home_fills_the_page_when_enough_items_match_the_filter(ann: FlaskClient) -> None:
    assert len(shown(ann.get("/?not=Romance").text)) == 5
    assert "Showing <strong>not romance</strong>" in ann.get("/?not=Romance").text
    assert 'href="/?show=25&amp;not=Adventure"' in ann.get("/?not=Adventure").text


def test_popularity_slider_excludes_the_best_known_items(ann: FlaskClient) -> None:
    every = shown(ann.get("/?show=25").text)
    obscure = shown(ann.get("/?show=25&known=-1").text)
    assert set(obscure) < set(every)
    assert 1 not in obscure


def test_years_filter_uses_only_recent_ratings_and_keeps_older_items_rated(
    app: Flask, ann: FlaskClient
) -> None:
    rate(ann, 13, 5)
    rate(ann, 1, 5)
    with app.app_context():
        old = utcnow() - timedelta(days=800)
        db.session.execute(update(Rating).where(Rating.item_id == 1).values(rated_at=old))
        db.session.commit()
    page = ann.get("/?years=2&show=25").text
    assert shown(page)[:3] == [8, 21, 34]
    assert 1 not in shown(page)
    assert "by your ratings of the last 2 years" in page


@pytest.mark.parametrize(
    "query", ["from=x", "known=1e9", "years=-3", "genre=" + "x" * 5000, "not=%00", "to=" + "9" * 50]
)
def test_home_accepts_invalid_filter_values(ann: FlaskClient, query: str) -> None:
    assert ann.get(f"/?{query}").status_code == 200


# Watchlist and hidden items


@pytest.mark.every_database
def test_hidden_item_is_not_recommended_until_it_is_unhidden(ann: FlaskClient) -> None:
    ann.post("/title/1/hidden")
    assert 1 not in shown(ann.get("/?show=25").text)
    assert shown(ann.get("/hidden").text) == [1]
    ann.post("/title/1/hidden/delete")
    assert 1 in shown(ann.get("/?show=25").text)


@pytest.mark.every_database
def test_watchlist_is_newest_first_and_drops_rated_items(
    ann: FlaskClient,
) -> None:
    for item in (1, 55, 8):
        ann.post(f"/title/{item}/watchlist")
    ann.post("/title/1/watchlist")
    assert shown(ann.get("/watchlist").text) == [8, 55, 1]
    rate(ann, 8, 4)
    assert shown(ann.get("/watchlist").text) == [55, 1]
    assert "on your watchlist" in ann.get("/").text.lower()


def test_hide_returns_json_with_undo_to_scripts(ann: FlaskClient) -> None:
    answer = ann.post("/title/1/hidden", headers=JSON)
    assert answer.json["undo"] == {"address": "/title/1/hidden/delete"}
    undone = ann.post(answer.json["undo"]["address"], headers=JSON)
    assert undone.json["undo"] == {"address": "/title/1/hidden"}


@pytest.mark.parametrize("path", ["/title/999/hidden", "/title/1/loved", "/title/x/hidden"])
def test_hide_is_404_when_item_does_not_exist(ann: FlaskClient, path: str) -> None:
    assert ann.post(path).status_code == 404


@pytest.mark.every_database
def test_watchlist_is_visible_and_editable_by_its_user_only(app: Flask, ann: FlaskClient) -> None:
    ann.post("/title/1/watchlist")
    bob = app.test_client()
    register(bob, "bob")
    bob.post("/title/1/watchlist/delete")
    assert shown(bob.get("/watchlist").text) == []
    assert shown(ann.get("/watchlist").text) == [1]
    with app.app_context():
        assert [(m.user_id, m.kind) for m in db.session.scalars(select(ListEntry))] == [
            (21, "watchlist")
        ]


# One title


def test_title_page_shows_metadata_and_prediction(ann: FlaskClient) -> None:
    rate(ann, 1, 5)
    page = ann.get("/title/2").text
    assert "Space Pirates" in page
    assert "1984 · Sci-Fi, Adventure" in page
    assert "10 ratings" in page
    assert "Our guess for you" in page
    assert re.search(r"Without your five stars for Space Station it would be number \d", page)
    assert shown(page) == [2]
    assert "People who like it also like" in page


def test_title_page_contributions_add_up_to_the_score(ann: FlaskClient) -> None:
    for item, stars in ((1, 5), (3, 4), (8, 1)):
        rate(ann, item, stars)
    page = ann.get("/title/2").text
    *parts, score = [float(n) for n in re.findall(r'class="number">([+-]?\d\.\d+)<', page)]
    assert sum(parts) == pytest.approx(score, abs=0.002)
    assert "1 low rating adds nothing here" in page


@pytest.mark.parametrize(
    ("item", "output"),
    [(1, "You have rated it"), (55, "Too few people have rated it")],
)
def test_title_page_says_why_an_item_is_on_no_list(
    ann: FlaskClient, item: int, output: str
) -> None:
    rate(ann, 1, 5)
    assert output in ann.get(f"/title/{item}").text


def test_title_page_is_404_when_item_does_not_exist(ann: FlaskClient) -> None:
    assert ann.get("/title/999").status_code == 404


def test_popular_page_filters_by_genre(ann: FlaskClient) -> None:
    assert set(shown(ann.get("/popular?genre=Romance").text)) == {8, 13, 21}
    assert shown(ann.get("/popular?genre=Adventure").text) == [2]
    assert ann.get("/popular?genre=Nothing").status_code == 404


def test_card_names_the_rating_behind_a_recommendation(ann: FlaskClient) -> None:
    assert "Because you liked" not in ann.get("/").text
    rate(ann, 13, 5)
    assert re.search(r"Because you liked <a[^>]*>Love Letters", ann.get("/").text)


# Data stored for evaluation


@pytest.mark.every_database
def test_first_rating_stores_the_prediction_in_force(app: Flask, ann: FlaskClient) -> None:
    guess = float(re.search(r"Our guess.*?(\d\.\d)", ann.get("/title/2").text, re.DOTALL)[1])
    rate(ann, 2, 1.5, via="title")
    rate(ann, 1, 5)
    rate(ann, 2, 5, via="search")
    with app.app_context():
        stored = db.session.get(Rating, (21, 2))
        assert stored.rating == 5.0
        assert stored.predicted == pytest.approx(guess, abs=0.05)
        assert stored.community == pytest.approx(3.9, abs=0.01)
        assert (stored.model_version, stored.via) == ("20260101-000000-aaaa", "title")


def test_impressions_are_stored_once_at_their_first_position(app: Flask, ann: FlaskClient) -> None:
    ann.get("/")
    ann.post("/title/8/rating", data={"rating": "5"})
    ann.get("/?show=25")
    with app.app_context():
        places = {s.item_id: s.place for s in db.session.scalars(select(Impression))}
    assert places[1] == 1
    assert len(places) == 8


def test_rating_source_is_recommendation_when_a_recommended_item_is_rated_on_its_page(
    app: Flask, ann: FlaskClient
) -> None:
    ann.get("/")
    rate(ann, 1, 4, via="title")
    rate(ann, 34, 4, via="title")
    rate(ann, 3, 4, via="nonsense")
    with app.app_context():
        via = {r.item_id: r.via for r in db.session.scalars(select(Rating))}
    assert via == {1: "recommendation", 34: "title", 3: "other"}


def test_visit_is_stored_once_per_day(app: Flask, ann: FlaskClient) -> None:
    for _ in range(3):
        ann.get("/")
    with app.app_context():
        assert len(db.session.scalars(select(Visit)).all()) == 1


def test_stale_form_is_rejected_after_logout(app: Flask, environ: dict) -> None:
    from app import create_app

    strict = create_app(environ, TESTING=True)
    client = strict.test_client()
    page = client.get("/register").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    form = {"username": "eve", "email": "eve@example.com", "csrf_token": token}
    password = {"password": "correct horse battery", "confirm": "correct horse battery"}
    client.post("/register", data={**form, **password})
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)[1]
    client.post("/logout", data={"csrf_token": token})
    stale = client.post("/title/1/rating", data={"rating": "4", "csrf_token": token})
    assert stale.status_code == 400
    assert "gone stale" in stale.text
