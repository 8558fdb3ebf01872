"""``flask sync-items``: new facts of items, and items that are not available."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from app.models import Item
from tests.support.api import Rest, client_with_token
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.pages import shown
from tests.support.site import register
from tests.support.tiny_catalogues import BOOKS

HEADER = "item,title,year,genres,creators,image,link,available\n"


def bring(app: Flask, folder: Path, content: str, name: str = "items.csv") -> tuple[int, str]:
    file = write_files(folder, {name: content}) / name
    return run(app, "sync-items", str(file))


def item(app: Flask, item_id: int) -> Item:
    with app.app_context():
        return db.session.get_one(Item, item_id)


@pytest.mark.every_database
def test_sync_items_stores_facts_by_key(books_app: Flask, tmp_path: Path) -> None:
    line = (
        f'{BOOKS[0].key},"Left Hand, The",1970,Fantasy|Drama,U. K. Le Guin,'
        "https://covers.example/new.jpg,https://shop.example/1,true\n"
    )
    status, printed = bring(
        books_app, tmp_path, HEADER + line + "unknown,X,,,,,,\n".replace(",,\n", ",,true\n")
    )
    assert (status, printed.splitlines()) == (
        0,
        [
            "1 titles changed, 0 are as they were",
            "1 are not in the catalogue; the next training brings them",
        ],
    )
    book = item(books_app, 1)
    assert (book.title, book.year, book.genre_list) == (
        "Left Hand, The",
        1970,
        ["Fantasy", "Drama"],
    )
    assert (book.creator_list, book.image) == (["U. K. Le Guin"], "https://covers.example/new.jpg")
    assert (book.link, book.available) == ("https://shop.example/1", True)
    assert book.search_key.startswith("left hand")


def test_sync_items_keeps_what_the_file_does_not_say(books_app: Flask, tmp_path: Path) -> None:
    lines = f'{{"item": "{BOOKS[2].key}", "genres": ["Humour", "Fantasy"], "image": null}}\n'
    assert bring(books_app, tmp_path, lines, "items.jsonl")[0] == 0
    book = item(books_app, 3)
    assert (book.title, book.year, book.genres) == ("Good Omens", 1990, "Humour|Fantasy")
    assert (book.image, book.creators) == (None, "Terry Pratchett|Neil Gaiman")


def test_sync_items_goes_by_id_where_there_are_no_keys(app: Flask, tmp_path: Path) -> None:
    assert bring(app, tmp_path, "item;available\n1;no\n99;no\nx;no\n")[0] == 0
    assert not item(app, 1).available
    assert item(app, 2).available


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("title\nx\n", "column 'item' is missing"),
        ("item,year\n1,soon\n", "line 2: year is 'soon', which is not a year"),
        (
            "item,image\n1,http://x.example/1\n",
            "image is 'http://x.example/1', which is not an https",
        ),
        ("item,link\n1,javascript:alert(1)\n", "which is not a web address"),
        (
            "item,available\n1,perhaps\n",
            "line 2: available is 'perhaps', which is not true or false",
        ),
        ("item,title\n1,\n", "which is not a title"),
        ("item,title\n,x\n", "line 2: no item"),
        ('{"item": 1\n', "line 1: not a JSON object"),
    ],
)
def test_sync_items_stores_nothing_of_a_file_with_a_bad_line(
    app: Flask, tmp_path: Path, content: str, output: str
) -> None:
    first = "item,available\n2,no\n"
    good_first = content.startswith("item,available")
    status, printed = bring(
        app, tmp_path, first + content.split("\n", 1)[1] if good_first else content
    )
    assert status == 2
    assert printed.count("\n") == 1
    assert output.replace("line 2", "line 3") in printed if good_first else output in printed
    assert item(app, 2).available


def test_sync_items_names_a_file_that_is_missing(app: Flask, tmp_path: Path) -> None:
    status, printed = run(app, "sync-items", str(tmp_path / "none.csv"))
    assert (status, "cannot be read" in printed) == (2, True)


def test_sync_items_says_which_pictures_wait(books_app: Flask, tmp_path: Path) -> None:
    line = f"item,image\n{BOOKS[0].key},https://elsewhere.example/1.jpg\n"
    assert "1 pictures are at hosts" in bring(books_app, tmp_path, line)[1]


# Available


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    client = app.test_client()
    register(client, "ann")
    return client


def lists(ann: FlaskClient, rest: Rest, user: int) -> dict[str, bool]:
    """Return whether item 2, most like item 1, is on each list."""
    group = ann.get("/group?guest=0").text
    top = rest.answer("GET", "/movies/top")["top_movies"]
    found = {path: 2 in shown(ann.get(path).text) for path in ("/?show=25", "/popular")}
    return found | {
        "question": 2 in shown(ann.get("/welcome").text),
        "group": 2 in shown(group),
        "guest": 'name="rating-2"' in ann.get("/group/guest").text,
        "similar": 'href="/title/2"' in ann.get("/title/1").text.split("similar-heading")[-1],
        "top": 2 in [each["movie"]["movie_id"] for each in top],
        "rest": 2 in ids(rest.answer("GET", f"/user/{user}/recommendations")["recommendations"]),
        "batch": 2 in batch(rest, user),
        "like": 2 in ids(rest.answer("GET", "/movie/1/similar")["similar"]),
        "service": {"id": 2} in rest.answer("GET", f"//recommendations?user_id={user}")["items"],
    }


def ids(rows: list[dict[str, int]]) -> list[int]:
    return [row["movie_id"] for row in rows]


def batch(rest: Rest, user: int) -> list[int]:
    answer = rest.answer("POST", "/recommendations/batch", {"requests": [{"user_id": user}]})
    return ids(answer["results"][0]["recommendations"])


@pytest.mark.every_database
def test_item_that_is_not_available_leaves_every_list_and_comes_back(
    app: Flask, ann: FlaskClient, tmp_path: Path
) -> None:
    rest = client_with_token(app, "service")
    user = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"]
    rest.answer("PUT", f"/user/{user}/rating", {"movie_id": 1, "rating": 5})
    guest = {"name": "Maja", "rating-5": "5", "rating-8": "3", "rating-3": "4"}
    ann.post("/group/guest", data=guest)
    ann.post("/title/1/rating", data={"rating": "5"})
    before = lists(ann, rest, user)
    assert [name for name, there in before.items() if not there and name != "question"] == []
    output = bring(app, tmp_path, "item,available\n2,false\n")[1]
    assert "1 are not available any more, 0 are again" in output
    assert not any(lists(ann, rest, user).values())
    page = ann.get("/search?q=pirates").text
    assert shown(page) == [2]
    assert "Not available now" in page
    page = ann.get("/title/2")
    assert (page.status_code, "It is not available now" in page.text) == (200, True)
    assert rest.answer("GET", "/movie/2")["title"] == "Space Pirates"
    bring(app, tmp_path / "again", "item,available\n2,true\n")
    assert lists(ann, rest, user) == before


def test_item_that_is_not_available_stays_so_when_the_catalogue_is_synced(
    app: Flask, tmp_path: Path
) -> None:
    bring(app, tmp_path, "item,available\n2,false\n")
    assert run(app, "sync-catalogue")[0] == 0
    assert not item(app, 2).available


def test_rated_item_that_is_not_available_still_counts(
    app: Flask, ann: FlaskClient, tmp_path: Path
) -> None:
    ann.post("/title/1/rating", data={"rating": "5"})
    before = shown(ann.get("/").text)
    bring(app, tmp_path, "item,available\n1,false\n")
    assert shown(ann.get("/").text) == before
    assert shown(ann.get("/ratings").text) == [1]
