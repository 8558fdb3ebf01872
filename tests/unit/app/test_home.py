"""The private pages: recommendations, rating, searching, the user's ratings."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.extensions import db
from app.models import Item, Rating
from tests.support.pages import ROMANCE, SCI_FI, shown, stored
from tests.support.site import register


@pytest.mark.every_database
def test_home_shows_five_popular_items_when_user_has_no_ratings(ann: FlaskClient) -> None:
    page = ann.get("/").text
    assert "Popular to begin with" in page
    assert shown(page) == [1, 8, 13, 2, 21]


def test_home_shows_more_on_request_until_all_items_are_shown(ann: FlaskClient) -> None:
    first = ann.get("/").text
    assert 'href="/?show=25"' in first
    more = ann.get("/?show=25").text
    assert sorted(shown(more)) == SCI_FI + ROMANCE
    assert "Show more" not in more


@pytest.mark.parametrize("show", ["0", "-5", "x", "99999999999", "1e3"])
def test_home_accepts_an_invalid_number_of_items(ann: FlaskClient, show: str) -> None:
    assert ann.get(f"/?show={show}").status_code == 200


def test_home_changes_at_once_after_a_rating(ann: FlaskClient) -> None:
    ann.post("/title/13/rating", data={"rating": "5"})
    page = ann.get("/").text
    assert shown(page)[:3] == [8, 21, 34]
    assert "From your 1 rating." in page


@pytest.mark.every_database
def test_home_never_recommends_a_rated_item(ann: FlaskClient) -> None:
    for item in SCI_FI:
        ann.post(f"/title/{item}/rating", data={"rating": "4.5"})
    assert sorted(shown(ann.get("/?show=25").text)) == ROMANCE


@pytest.mark.every_database
def test_home_says_so_when_user_rated_everything(ann: FlaskClient) -> None:
    for item in SCI_FI + ROMANCE:
        ann.post(f"/title/{item}/rating", data={"rating": "3"})
    assert "rated everything" in ann.get("/").text


def test_card_shows_year_genres_and_link(ann: FlaskClient) -> None:
    page = ann.get("/").text
    assert "Space Station" in page
    assert "1979 · Sci-Fi" in page
    assert 'href="https://www.imdb.com/title/tt0000001/"' in page
    assert 'href="https://www.imdb.com/find/?s=tt&amp;q=The+Space+Race+%281999%29"' in (
        ann.get("/?show=25").text
    )
    assert 'src="/poster/1.svg" alt="Space Station (1979)"' in page
    assert re.search(r"\d\.\d <span[^>]*>predicted for you", page)


def test_pages_name_the_model_that_they_used(ann: FlaskClient) -> None:
    assert ann.get("/").headers["X-Model-Version"] == "20260101-000000-aaaa"
    assert "X-Model-Version" not in ann.get("/ratings").headers


def test_rate_replaces_the_earlier_rating(app: Flask, ann: FlaskClient) -> None:
    ann.post("/title/1/rating", data={"rating": "2.5"})
    ann.post("/title/1/rating", data={"rating": "4"})
    assert stored(app) == [(1, 4.0)]


def test_delete_rating_restores_the_earlier_recommendations(app: Flask, ann: FlaskClient) -> None:
    before = shown(ann.get("/").text)
    ann.post("/title/13/rating", data={"rating": "5"})
    ann.post("/title/13/rating/delete")
    ann.post("/title/13/rating/delete")
    assert stored(app) == []
    assert shown(ann.get("/").text) == before


@pytest.mark.parametrize("rating", ["6", "0", "-1", "3.7", "nan", "inf", "five", "", "4.5.5"])
def test_rate_is_422_and_stores_nothing_when_value_is_not_a_half_star(
    app: Flask, ann: FlaskClient, rating: str
) -> None:
    assert ann.post("/title/1/rating", data={"rating": rating}).status_code == 422
    assert stored(app) == []


@pytest.mark.parametrize(
    "path", ["/title/999/rating", "/title/999/rating/delete", "/title/99999999999999999999/rating"]
)
def test_rate_is_404_when_item_does_not_exist(ann: FlaskClient, path: str) -> None:
    assert ann.post(path, data={"rating": "4"}).status_code == 404


def test_ratings_are_visible_and_editable_by_their_user_only(app: Flask, ann: FlaskClient) -> None:
    ann.post("/title/1/rating", data={"rating": "5"})
    bob = app.test_client()
    register(bob, "bob")
    bob.post("/title/1/rating", data={"rating": "1"})
    bob.post("/title/1/rating/delete")
    assert shown(ann.get("/ratings").text) == [1]
    assert shown(bob.get("/ratings").text) == []
    assert stored(app) == [(1, 5.0)]


def test_ratings_page_is_sorted_by_newest(ann: FlaskClient) -> None:
    for item in (1, 8, 3):
        ann.post(f"/title/{item}/rating", data={"rating": "4"})
    ann.post("/title/1/rating", data={"rating": "3"})
    assert shown(ann.get("/ratings").text) == [1, 3, 8]


def test_rating_form_redirects_back_without_scripts(ann: FlaskClient) -> None:
    answer = ann.post("/title/1/rating", data={"rating": "4", "next": "/search?q=space"})
    assert (answer.status_code, answer.location) == (303, "/search?q=space")
    assert "Space Station: 4 ★" in ann.get("/").text


@pytest.mark.every_database
def test_rating_form_returns_json_with_undo_to_scripts(ann: FlaskClient) -> None:
    json = {"Accept": "application/json"}
    first = ann.post("/title/1/rating", data={"rating": "4"}, headers=json)
    again = ann.post("/title/1/rating", data={"rating": "2"}, headers=json)
    back = {"address": "/title/1/rating", "rating": "4"}
    assert first.json == {
        "message": "Space Station: 4 ★",
        "undo": {"address": "/title/1/rating/delete"},
    }
    assert again.json == {"message": "Space Station: 2 ★", "undo": back}


def test_rating_form_is_401_to_scripts_when_session_has_ended(client: FlaskClient) -> None:
    answer = client.post(
        "/title/1/rating", data={"rating": "4"}, headers={"Accept": "application/json"}
    )
    assert (answer.status_code, answer.json["code"]) == (401, 401)


@pytest.mark.every_database
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("space", [1, 2, 3, 5]),
        ("SPACE st", [1]),
        ("race the", [3]),
        ("amelie", [8]),
        ("love again", [34]),
        ("space 1984", [2]),
        ("nothing like it", []),
        ("", []),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("x" * 10_000, []),
    ],
)
def test_search_matches_all_words_in_any_order_sorted_by_rating_count(
    ann: FlaskClient, query: str, found: list[int]
) -> None:
    answer = ann.get("/search", query_string={"q": query})
    assert answer.status_code == 200
    assert shown(answer.text) == found


def test_search_suggestions_return_only_the_list(ann: FlaskClient) -> None:
    answer = ann.get("/search?suggest=1&q=love")
    assert shown(answer.text) == [8, 13, 21, 34]
    assert "<html" not in answer.text


def test_search_results_show_the_rating_of_the_user(ann: FlaskClient) -> None:
    ann.post("/title/1/rating", data={"rating": "3.5"})
    assert 'value="3.5" aria-label="three and a half stars" required checked' in (
        ann.get("/search?q=station").text
    )


@pytest.mark.every_database
def test_popular_items_are_sorted_by_weighted_mean(ann: FlaskClient) -> None:
    assert shown(ann.get("/popular").text)[0] == 1
    assert 55 not in shown(ann.get("/popular").text)


def test_item_titles_are_escaped_in_pages(app: Flask, ann: FlaskClient) -> None:
    with app.app_context():
        db.session.get(Item, 1).title = "<script>alert(1)</script>"
        db.session.commit()
    assert "<script>alert" not in ann.get("/").text
    assert "<script" not in ann.get("/poster/1.svg").text


def test_posters_are_svg_and_cacheable(client: FlaskClient) -> None:
    answer = client.get("/poster/8.svg")
    assert answer.mimetype == "image/svg+xml"
    assert "max-age" in answer.headers["Cache-Control"]
    assert client.get("/poster/999.svg").status_code == 404


def test_home_runs_one_query_for_ratings_and_one_for_items(
    app: Flask, ann: FlaskClient, count_queries: Callable[[], list[str]]
) -> None:
    ann.get("/")
    queries = count_queries()
    ann.get("/")
    asked = [re.search(r"FROM (\w+)", query)[1] for query in queries]
    assert asked == ["users", "ratings", "marks", "shown", "catalogue_state", "items", "shown"]


def test_rate_stores_one_row_when_sent_twice(app: Flask, ann: FlaskClient) -> None:
    ann.post("/title/1/rating", data={"rating": "4"})
    ann.post("/title/1/rating", data={"rating": "4"})
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Rating)) == 1
