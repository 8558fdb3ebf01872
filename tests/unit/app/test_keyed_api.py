"""The REST API of catalogues of one's own: names, scale and keys."""

from __future__ import annotations

import pytest
from flask import Flask

from app.extensions import db
from app.models import User
from tests.support.api import BASE, Rest, client_with_token, stored
from tests.support.tiny_catalogues import BOOKS, READER


@pytest.fixture
def books(books_app: Flask) -> Rest:
    """A REST client of the site of books, with a service token."""
    books_app.test_client().get("/health")
    with books_app.app_context():
        db.session.add(User(id=READER, key="reader-1", from_data_set=True))
        db.session.commit()
    return client_with_token(books_app, "service")


@pytest.mark.every_database
def test_item_and_user_are_found_by_key(books: Rest) -> None:
    book = books.answer("GET", "/book/by-key/0-441-00001/x")
    assert (book["book_id"], book["key"]) == (1, "0-441-00001/x")
    assert book == books.answer("GET", "/book/1")
    reader = books.answer("GET", "/user/by-key/reader-1")
    assert (reader["user_id"], reader["key"]) == (READER, "reader-1")


@pytest.mark.parametrize(
    "path", ["/book/by-key/0-441-00001/X", "/book/by-key/%00", "/user/by-key/reader-2"]
)
def test_unknown_key_is_404(books: Rest, path: str) -> None:
    answer = books("GET", path)
    assert answer.status_code == 404
    assert "with the key" in answer.json["message"]


def test_personal_token_finds_its_owner_alone_by_key(books_app: Flask, books: Rest) -> None:
    with books_app.app_context():
        db.session.add(User(id=READER + 1, key="reader-2", from_data_set=True))
        db.session.commit()
    own = client_with_token(books_app, "own", READER)
    assert own.answer("GET", "/user/by-key/reader-1")["user_id"] == READER
    for key in ("reader-2", "nobody"):
        assert own("GET", f"/user/by-key/{key}").status_code == 403


def test_answers_name_keys_beside_ids(books: Rest) -> None:
    listed = books.answer("GET", f"/user/{READER}/recommendations")["recommendations"]
    assert {(one["book_id"], one["key"]) for one in listed} <= {(b.item_id, b.key) for b in BOOKS}
    assert all(one["key"] for one in books.answer("GET", "/book/1/similar")["similar"])
    assert books.answer("GET", "/books/top")["top_books"][0]["book"]["key"] == BOOKS[0].key
    assert books.answer("GET", "/search?q=emma")["books"][0]["key"] == BOOKS[4].key


def test_ratings_are_on_the_catalogue_s_scale(books_app: Flask, books: Rest) -> None:
    given = books.answer("PUT", f"/user/{READER}/rating", {"book_id": 1, "rating": 8})
    assert given["rating"] == 8
    assert stored(books_app) == [(READER, 1, 4.0, False)]
    (rated,) = books.answer("GET", f"/user/{READER}/ratings/top")["ratings"]
    assert rated["rating"] == 8
    assert books.answer("GET", "/books/top")["top_books"][0]["avg_rating"] == 8
    why = books.answer("GET", f"/user/{READER}/because/2")
    assert [part["rating"] for part in why["because"]] == [8]
    assert 5 < books.answer("GET", f"/user/{READER}/estimate/2")["predicted_rating"] <= 10
    batch = {"requests": [{"ratings": [{"book_id": 1, "rating": 10}]}]}
    (result,) = books.answer("POST", "/recommendations/batch", batch)["results"]
    assert result["recommendations"][0]["predicted_rating"] > 5


@pytest.mark.parametrize("rating", [0, 0.9, 10.5, 11])
def test_rating_off_the_scale_is_422(books_app: Flask, books: Rest, rating: float) -> None:
    answer = books("PUT", f"/user/{READER}/rating", json={"book_id": 1, "rating": rating})
    assert (answer.status_code, answer.json["message"]) == (422, "rating: Must be from 1 to 10.")
    assert stored(books_app) == []


def test_document_has_the_scale_and_the_names_of_the_catalogue(books: Rest) -> None:
    document = books("GET", "/openapi.json").json
    schemas = document["components"]["schemas"]
    rating = schemas["BookRating"]["properties"]["rating"]
    assert (rating["minimum"], rating["maximum"], rating["multipleOf"]) == (1, 10, 1)
    assert "key" in schemas["Book"]["properties"]
    assert "key" in schemas["User"]["required"]
    assert document["paths"][f"{BASE}/book/by-key/{{key}}"]["get"]["summary"]


def test_known_takes_the_place_of_watched(books_app: Flask, books: Rest) -> None:
    output = books.answer("PUT", f"/user/{READER}/known", {"book_id": 1})
    assert output == {"user_id": READER, "book_id": 1, "known": True}
    assert [(item, implicit) for _, item, _, implicit in stored(books_app)] == [(1, True)]
    assert books("PUT", f"/user/{READER}/watched", json={"book_id": 1}).status_code == 404
    books.answer("DELETE", f"/user/{READER}/known", {"book_id": 1})
    assert stored(books_app) == []


def test_catalogue_without_keys_has_neither_paths_nor_fields_of_keys(rest: Rest) -> None:
    document = rest("GET", "/openapi.json").json
    assert not [path for path in document["paths"] if "key" in path]
    assert "key" not in document["components"]["schemas"]["Movie"]["properties"]
    assert (
        "multipleOf" not in document["components"]["schemas"]["MovieRating"]["properties"]["rating"]
    )
    assert "key" not in rest.answer("GET", "/movie/1")
    assert rest("GET", "/movie/by-key/x").status_code == 404


def test_counts_have_the_name_of_their_measure(songs_app: Flask) -> None:
    songs_app.test_client().get("/health")
    rest = client_with_token(songs_app, "service")
    user = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"]
    assert rest.answer("PUT", f"/user/{user}/plays", {"song_id": 1, "plays": 142})["plays"] == 142
    top = rest.answer("GET", "/songs/top")["top_songs"][0]
    assert top.keys() == {"avg_plays", "users", "song"}
    listed = rest.answer("GET", f"/user/{user}/recommendations")["recommendations"]
    assert 0 < listed[0]["match"] <= 1


def test_having_takes_one_alone(tools_app: Flask) -> None:
    tools_app.test_client().get("/health")
    rest = client_with_token(tools_app, "service")
    user = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"]
    assert rest.answer("PUT", f"/user/{user}/having", {"tool_id": 1, "having": 1})["having"] == 1
    answer = rest("PUT", f"/user/{user}/having", json={"tool_id": 1, "having": 2})
    assert answer.status_code == 422
