"""``PUT /movie``: a program adds a title between two trainings."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.catalogue.added_titles import merge_title
from app.extensions import db
from app.models import AddedTitle
from tests.support.added_titles import FIRST, columns_of, items_from_here
from tests.support.api import BASE, Rest, client_with_token

ANORA = {"title": "Anora", "year": 2024, "genres": "Comedy|Drama", "imdb_id": "tt28607951"}


@pytest.mark.every_database
def test_put_movie_adds_a_title_once(app: Flask, rest: Rest) -> None:
    answer = rest("PUT", "/movie", json={**ANORA, "tmdb_id": "1064213", "creators": None})
    assert answer.status_code == 201, answer.text
    assert answer.json == {
        **{"movie_id": FIRST, "title": "Anora", "year": 2024, "genres": "Comedy|Drama"},
        "description": None,
    }
    again = rest("PUT", "/movie", json={"title": "Another", "imdb_id": "TT28607951"})
    assert (again.status_code, again.json) == (200, answer.json)
    assert columns_of(app, FIRST, "tmdb_id", "creators") == (1064213, "")
    assert items_from_here(app) == [(FIRST, "Anora")]


def test_put_movie_says_who_added_it(app: Flask, rest: Rest) -> None:
    rest("PUT", "/movie", json=ANORA)
    with app.app_context():
        added = db.session.get_one(AddedTitle, FIRST)
        assert (added.via, added.added_by) == ("api", None)


def test_title_that_was_put_can_be_rated_at_once(rest: Rest, someone: int) -> None:
    movie = rest("PUT", "/movie", json=ANORA).json["movie_id"]
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": movie, "rating": 4})
    rated = rest.answer("GET", f"/user/{someone}/ratings/latest")["ratings"]
    assert rated[0]["movie"]["title"] == "Anora"


def test_put_movie_is_for_service_tokens(app: Flask, rest: Rest, someone: int) -> None:
    hers = client_with_token(app, "hers", someone)
    assert hers("PUT", "/movie", json=ANORA).status_code == 403
    assert items_from_here(app) == []


def test_put_movie_is_409_when_an_id_belongs_to_another_title(app: Flask, rest: Rest) -> None:
    rest("PUT", "/movie", json={**ANORA, "tmdb_id": 5})
    answer = rest("PUT", "/movie", json={"title": "x", "imdb_id": "tt0000001", "tmdb_id": 5})
    assert answer.status_code == 409
    assert "belong to another title" in answer.json["message"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": " "}, "title"),
        ({"title": None}, "title"),
        ({"title": "\0"}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"year": 20199}, "year: 20199 is not a year of a movie"),
        ({"year": "soon"}, "year"),
        ({"imdb_id": "0133093"}, "imdb_id: Is not an id of IMDb"),
        ({"tmdb_id": 0}, "tmdb_id"),
        ({"key": "x"}, "key: the release in service knows no keys"),
        ({"image": "http://x.example/1"}, "image: Is not an https address."),
        ({"link": "javascript:alert(1)"}, "link: Is not a web address."),
        ({"available": True}, "available: Unknown field."),
    ],
)
def test_put_movie_is_422_when_a_fact_is_wrong(
    app: Flask, rest: Rest, changed: dict[str, Any], said: str
) -> None:
    answer = rest("PUT", "/movie", json={**ANORA, **changed})
    assert answer.status_code == 422
    assert said in answer.json["message"]
    assert items_from_here(app) == []


def test_put_speaks_of_the_catalogue(books_app: Flask) -> None:
    books_app.test_client().get("/health")
    rest = client_with_token(books_app, "service")
    answer = rest("PUT", "/book", json={"title": "Piranesi", "key": "978-1"})
    assert (answer.status_code, answer.json["book_id"], answer.json["key"]) == (201, FIRST, "978-1")
    refused = rest("PUT", "/book", json={"title": "x", "tmdb_id": 3})
    assert (refused.status_code, refused.json["message"]) == (
        *(422, "tmdb_id: is of films alone; leave it out"),
    )
    document = rest.answer("GET", "/openapi.json")
    fields = document["components"]["schemas"]["NewBook"]["properties"]
    assert "key" in fields
    assert not {"imdb_id", "tmdb_id"} & fields.keys()
    assert "put" in document["paths"][f"{BASE}/book"]


@pytest.mark.every_database
def test_merged_movie_is_answered_with_the_other(app: Flask, rest: Rest) -> None:
    movie = rest("PUT", "/movie", json=ANORA).json["movie_id"]
    with app.app_context():
        merge_title(movie, 3)
    assert rest.answer("GET", f"/movie/{movie}")["movie_id"] == 3
