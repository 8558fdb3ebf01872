"""Lists as files, in again what went out, and the private feed."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.pages import shown, stored
from tests.support.site import register
from tests.support.uploads import bring

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def full(ann: FlaskClient) -> FlaskClient:
    """Ann, with something on each list."""
    for item, stars in ((1, "4.5"), (8, "2")):
        ann.post(f"/title/{item}/rating", data={"rating": stars})
    ann.post("/title/2/watchlist")
    ann.post("/title/13/seen")
    return ann


def rows(client: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = client.get(f"/data/lists/{path}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.every_database
def test_json_has_each_list(full: FlaskClient) -> None:
    def items(listed: str) -> list[dict]:
        return full.get(f"/data/lists/{listed}/json").json["items"]

    assert {(i["title"], i["rating"]) for i in items("ratings")} == {
        ("Space Station", 4.5),
        ("Amélie in Love", 2.0),
    }
    assert [i["item_id"] for i in items("watchlist")] == [2]
    assert [i["item_id"] for i in items("seen")] == [13]
    ids = [i["item_id"] for i in items("recommendations")]
    assert ids == shown(full.get("/?show=25").text)
    assert all(i["predicted"] for i in items("recommendations"))


def test_letterboxd_file_has_the_columns_of_its_import(full: FlaskClient) -> None:
    rated = {row["Title"]: row for row in rows(full, "ratings/letterboxd")}
    assert rated["Space Station"]["imdbID"] == "tt0000001"
    assert rated["Space Station"]["Year"] == "1979"
    assert rated["Space Station"]["Rating"] == "4.5"
    (wished,) = rows(full, "watchlist/letterboxd")
    assert (wished["Title"], wished["Rating"]) == ("Space Pirates", "")


def test_imdb_file_has_ratings_of_ten(full: FlaskClient) -> None:
    rated = {row["Const"] or row["Title"]: row for row in rows(full, "ratings/imdb")}
    assert rated["tt0000001"]["Your Rating"] == "9"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", rated["tt0000001"]["Date Rated"])


@pytest.mark.parametrize("form", ["letterboxd", "imdb"])
def test_file_comes_in_again_as_it_went_out(app: Flask, full: FlaskClient, form: str) -> None:
    files = {
        listed: full.get(f"/data/lists/{listed}/{form}") for listed in ("ratings", "watchlist")
    }
    before = stored(app)
    bob = app.test_client()
    register(bob, "bob")
    for listed, file in files.items():
        name = re.findall(r'filename="([^"]+)"', file.headers["Content-Disposition"])[0]
        assert name.startswith(f"marquee-{listed}-")
        assert bring(bob, file.text, name=name).status_code == 303
    assert stored(app) == before + before
    assert shown(bob.get("/watchlist").text) == [2]


@pytest.mark.parametrize(
    "path", ["friends/json", "ratings/xml", "ratings/", "../ratings/json", "unseen/json"]
)
def test_unknown_list_or_format_is_404(full: FlaskClient, path: str) -> None:
    assert full.get(f"/data/lists/{path}").status_code == 404


def test_books_and_games_have_json_alone(books_app: Flask) -> None:
    client = books_app.test_client()
    register(client, "bea")
    page = client.get("/data/lists").text
    assert "/data/lists/ratings/json" in page
    assert "letterboxd" not in page.lower()
    assert client.get("/data/lists/ratings/imdb").status_code == 404
    client.post("/title/1/rating", data={"rating": "4"})
    (book,) = client.get("/data/lists/ratings/json").json["items"]
    assert (book["title"], book["rating"]) == ("The Left Hand of Darkness", 8.0)
    assert "imdb_id" not in book


# The feed


def new_feed(client: FlaskClient) -> str:
    """Make a feed; return its path."""
    page = client.post("/data/feed", follow_redirects=True).text
    found = re.search(r"http://[^/]+(/feed/[\w-]+\.atom)", page)
    assert found, page
    return found[1]


@pytest.mark.every_database
def test_feed_shows_recommendations_with_reasons_without_a_login(
    app: Flask, full: FlaskClient
) -> None:
    path = new_feed(full)
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/atom+xml")
    feed = ElementTree.fromstring(answer.text)
    titles = [e.findtext(f"{ATOM}title") for e in feed.findall(f"{ATOM}entry")]
    assert titles[0] == "Space Pirates (1984)"
    assert "The Space Race (1999)" in titles
    assert not {"Love Letters (1995)", "Space Station (1979)"} & set(titles)
    assert "Because you liked Space Station" in answer.text
    assert feed.findtext(f"{ATOM}updated")


def test_address_of_the_feed_is_shown_once(full: FlaskClient) -> None:
    path = new_feed(full)
    assert path not in full.get("/data/lists").text
    assert "Its address was shown then" in full.get("/data/lists").text


@pytest.mark.every_database
def test_revoked_and_replaced_feeds_are_404(app: Flask, full: FlaskClient) -> None:
    first = new_feed(full)
    second = new_feed(full)
    guest = app.test_client()
    assert (guest.get(first).status_code, guest.get(second).status_code) == (404, 200)
    assert full.post("/data/feed/delete").status_code == 303
    gone = guest.get(second)
    assert (gone.status_code, "Nothing is shown" in gone.text) == (404, True)


@pytest.mark.parametrize("token", ["guessed", "x" * 4000, "%00", "é"])
def test_unknown_feed_is_404(client: FlaskClient, token: str) -> None:
    assert client.get(f"/feed/{token}.atom").status_code == 404


def test_feed_of_one_person_is_not_that_of_another(app: Flask, full: FlaskClient) -> None:
    bob = app.test_client()
    register(bob, "bob")
    path = new_feed(full)
    bob.post("/data/feed/delete")
    assert app.test_client().get(path).status_code == 200
    assert "bob" not in app.test_client().get(path).text


def test_feed_ends_with_the_account(app: Flask, full: FlaskClient) -> None:
    path = new_feed(full)
    full.post("/data/delete", data={"password": "correct horse battery"})
    assert app.test_client().get(path).status_code == 404
