"""Titles seen without a rating: never recommended, off the watchlist, on a page of their own."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.models import ListEntry, Rating
from tests.support.api import Rest
from tests.support.pages import shown
from tests.support.site import register


def lists(app: Flask, user_id: int = 21) -> dict[str, list[int]]:
    """Return the item ids on each list of a user."""
    with app.app_context():
        entries = select(ListEntry).where(ListEntry.user_id == user_id).order_by(ListEntry.item_id)
        found: dict[str, list[int]] = {}
        for entry in db.session.scalars(entries):
            found.setdefault(entry.kind, []).append(entry.item_id)
        return found


@pytest.mark.every_database
@pytest.mark.parametrize("rated", [False, True])
def test_seen_title_is_recommended_nowhere(ann: FlaskClient, rated: bool) -> None:
    if rated:
        ann.post("/title/2/rating", data={"rating": "5"})
    first = shown(ann.get("/").text)[0]
    assert first in shown(ann.get("/popular").text)
    ann.post(f"/title/{first}/seen")
    for path in ("/", "/?show=25", "/popular", "/welcome"):
        assert first not in shown(ann.get(path).text), path
    assert shown(ann.get("/seen").text) == [first]


def test_seen_title_is_left_out_of_similar_ones(ann: FlaskClient) -> None:
    def similar() -> list[str]:
        page = ann.get("/title/1").text
        return page[page.index("similar-heading") :].split('class="small-card"')[1:]

    before = similar()
    other = int(before[0].split("/title/")[1].split('"')[0])
    ann.post(f"/title/{other}/seen")
    assert not any(f'"/title/{other}"' in card for card in similar())


def test_why_of_a_seen_title_says_that_it_is_no_longer_suggested(ann: FlaskClient) -> None:
    ann.post("/title/2/rating", data={"rating": "5"})
    assert "on your list" in ann.get("/title/1").text
    ann.post("/title/1/seen")
    assert "You have seen it, so it is on no list of yours" in ann.get("/title/1").text


@pytest.mark.every_database
def test_seen_title_of_any_member_is_left_out_of_a_group_night(
    app: Flask, ann: FlaskClient
) -> None:
    bob = app.test_client()
    register(bob, "bob")
    ann.post("/group/ask", data={"name": "bob"})
    bob.post("/group/21/agree")
    picks = shown(ann.get("/group?who=22").text)
    bob.post(f"/title/{picks[0]}/seen")
    assert picks[0] not in shown(ann.get("/group?who=22").text)


@pytest.mark.every_database
def test_seen_takes_a_title_off_the_watchlist_and_undo_puts_it_back(
    app: Flask, ann: FlaskClient
) -> None:
    ann.post("/title/8/watchlist")
    undo = ann.post("/title/8/seen", headers={"Accept": "application/json"}).json["undo"]
    assert lists(app) == {"seen": [8]}
    ann.post(undo["address"])
    assert lists(app) == {"watchlist": [8]}


def test_watchlist_takes_a_title_off_the_seen_ones_and_undo_puts_it_back(
    app: Flask, ann: FlaskClient
) -> None:
    ann.post("/title/8/seen")
    undo = ann.post("/title/8/watchlist", headers={"Accept": "application/json"}).json["undo"]
    assert lists(app) == {"watchlist": [8]}
    ann.post(undo["address"])
    assert lists(app) == {"seen": [8]}


def test_seen_is_undone_by_its_button(app: Flask, ann: FlaskClient) -> None:
    undo = ann.post("/title/8/seen", headers={"Accept": "application/json"}).json["undo"]
    assert undo == {"address": "/title/8/seen/delete"}
    ann.post(undo["address"])
    assert lists(app) == {}


@pytest.mark.every_database
def test_rated_title_is_not_listed_among_the_seen_ones(ann: FlaskClient) -> None:
    ann.post("/title/8/seen")
    ann.post("/title/8/rating", data={"rating": "4"})
    assert shown(ann.get("/seen").text) == []
    assert shown(ann.get("/ratings").text) == [8]
    ann.post("/title/8/rating/delete")
    assert shown(ann.get("/seen").text) == [8]


@pytest.mark.parametrize(
    "path", ["/", "/search?q=space", "/search?q=space&suggest=1", "/popular", "/title/1"]
)
def test_every_place_of_an_unrated_title_offers_seen(ann: FlaskClient, path: str) -> None:
    page = ann.get(path).text
    assert 'action="/title/1/seen"' in page
    ann.post("/title/1/rating", data={"rating": "4"})
    assert 'action="/title/1/seen' not in ann.get(path).text


def test_group_night_offers_seen_with_each_pick(app: Flask, ann: FlaskClient) -> None:
    bob = app.test_client()
    register(bob, "bob")
    ann.post("/group/ask", data={"name": "bob"})
    bob.post("/group/21/agree")
    page = ann.get("/group?who=22").text
    for pick in shown(page):
        assert f'action="/title/{pick}/seen"' in page


def test_search_offers_to_take_seen_back(ann: FlaskClient) -> None:
    ann.post("/title/1/seen")
    assert 'action="/title/1/seen/delete"' in ann.get("/search?q=space+station").text


def test_welcome_accepts_seen_as_an_answer(ann: FlaskClient) -> None:
    (asked,) = shown(ann.get("/welcome").text)
    assert f'action="/title/{asked}/seen"' in ann.get("/welcome").text
    ann.post(f"/title/{asked}/seen")
    assert shown(ann.get("/welcome").text) != [asked]


@pytest.mark.every_database
def test_watched_of_the_api_is_seen_on_the_site(app: Flask, ann: FlaskClient, rest: Rest) -> None:
    ann.post("/title/1/watchlist")
    before = [m["movie_id"] for m in recommended(rest)]
    assert 1 in before
    rest.answer("PUT", "/user/21/watched", {"movie_id": 1})
    assert lists(app) == {"seen": [1]}
    assert 1 not in [m["movie_id"] for m in recommended(rest)]
    assert shown(ann.get("/seen").text) == [1]
    assert shown(ann.get("/ratings").text) == []
    rest.answer("DELETE", "/user/21/watched", {"movie_id": 1})
    assert lists(app) == {}


def recommended(rest: Rest) -> list[dict]:
    return rest.answer("GET", "/user/21/recommendations?limit=20")["recommendations"]


@pytest.mark.every_database
def test_title_marked_seen_on_the_site_is_not_recommended_by_the_api(
    ann: FlaskClient, rest: Rest
) -> None:
    first = recommended(rest)[0]["movie_id"]
    ann.post(f"/title/{first}/seen")
    assert first not in [m["movie_id"] for m in recommended(rest)]
    sent = {"limit": 20, "requests": [{"user_id": 21}]}
    (batch,) = rest.answer("POST", "/recommendations/batch", sent)["results"]
    assert first not in [m["movie_id"] for m in batch["recommendations"]]


@pytest.mark.every_database
def test_taking_seen_back_deletes_the_implicit_rating_of_the_api(
    app: Flask, ann: FlaskClient, rest: Rest
) -> None:
    rest.answer("PUT", "/user/21/watched", {"movie_id": 1})
    ann.post("/title/1/seen/delete")
    with app.app_context():
        assert db.session.scalars(select(Rating)).all() == []
    assert lists(app) == {}
