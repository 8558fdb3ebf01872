"""Facts of a catalogue's own: on pages, in filters, in the REST API, and brought by sync-items."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from app.models import Item
from recommender.storage.release_store import ReleaseStore
from tests.support.api import BASE, Rest, client_with_token
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.executable_markup import ExecutableMarkup
from tests.support.pages import shown
from tests.support.site import register
from tests.support.tiny_catalogues import BOOKS, MARKUP, PRICED, priced_release, publish


@pytest.fixture
def priced_app(closed_app: Flask, store: ReleaseStore) -> Flask:
    """A site of books with prices and formats."""
    publish(store, priced_release(), PRICED)
    closed_app.test_client().get("/health")
    return closed_app


@pytest.fixture
def ann(priced_app: Flask) -> FlaskClient:
    client = priced_app.test_client()
    register(client, "ann")
    return client


@pytest.fixture
def rest(priced_app: Flask) -> Rest:
    return client_with_token(priced_app, "service")


@pytest.fixture
def reader(rest: Rest) -> int:
    return int(rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"])


def bring(app: Flask, folder: Path, content: str, name: str = "items.csv") -> tuple[int, str]:
    file = write_files(folder, {name: content}) / name
    return run(app, "sync-items", str(file))


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


# Pages


def test_title_page_shows_every_fact_with_its_label(ann: FlaskClient) -> None:
    assert "Price 12.50 € Format Paperback" in text_of(ann.get("/title/1").text)
    assert "own-facts" not in ann.get("/title/8").text


def test_lists_show_facts_under_the_title(ann: FlaskClient) -> None:
    for path in ("/?show=25", "/popular", "/search?q=darkness"):
        assert "12.50 € · Paperback" in ann.get(path).text, path


def test_markup_in_a_fact_is_text(ann: FlaskClient) -> None:
    for path in ("/", "/title/3"):
        page = ann.get(path).text
        assert "&lt;b onclick" in page
        assert not [each for each in ExecutableMarkup(page).found if "covers.example" not in each]


def test_filter_bar_offers_the_catalogue_s_facts(ann: FlaskClient) -> None:
    page = ann.get("/").text
    for name in ("list_price__min", "list_price__max", "format__is"):
        assert f'name="{name}"' in page
    assert re.findall(r'name="format__is" value="(\w+)"', page) == ["Paperback", "Hardback"]


@pytest.mark.every_database
@pytest.mark.parametrize(
    ("query", "expected", "words"),
    [
        ("list_price__min=10", {1, 2, 5}, "price at least 10 €"),
        ("list_price__max=12.5", {1, 3, 5}, "price at most 12.50 €"),
        ("list_price__min=20&list_price__max=10", {1, 5}, "price 10 € to 20 €"),
        ("format__is=Paperback", {1, 4}, "format Paperback"),
        ("format__is=Paperback&format__is=Hardback", {1, 2, 4}, "format Hardback or Paperback"),
        ("format__is=Hardback&list_price__max=9", set(), "price at most 9 €, format Hardback"),
        ("list_price__min=nan&list_price__max=cheap&format__is=", {1, 2, 3, 4, 5, 6, 7, 8}, ""),
    ],
)
def test_lists_are_filtered_by_facts(
    ann: FlaskClient, query: str, expected: set[int], words: str
) -> None:
    page = ann.get(f"/?show=25&{query}").text
    assert set(shown(page)) == expected
    assert ("Showing" in page) == bool(words)
    assert words in text_of(page)


def test_filters_stay_when_more_is_shown(ann: FlaskClient) -> None:
    page = ann.get("/?list_price__max=30&format__is=Hardback").text
    assert re.search(r'name="list_price__max"[^>]* value="30"', page)
    assert 'value="Hardback" checked' in page


def test_site_without_facts_has_no_trace_of_them(books_app: Flask) -> None:
    client = books_app.test_client()
    register(client, "ann")
    page = client.get("/?format__is=Paperback&list_price__min=1").text
    assert 'name="format__is"' not in page
    assert "Showing" not in page
    document = client.get(f"{BASE}/openapi.json").text
    assert "__" not in document
    assert '"facts"' not in document


# REST


def ids(rest: Rest, reader: int, query: str) -> set[int]:
    answer = rest.answer("GET", f"/user/{reader}/recommendations?limit=50&{query}")
    return {each["book_id"] for each in answer["recommendations"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("list_price__min=10&list_price__max=12.5", {1, 5}),
        ("format__is=Hardback", {2}),
        ("format__is=Hardback|Paperback", {1, 2, 4}),
        ("format__is=Vellum", set()),
    ],
)
def test_recommendations_are_filtered_by_facts(
    rest: Rest, reader: int, query: str, expected: set[int]
) -> None:
    assert ids(rest, reader, query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("list_price__min=cheap", "list_price__min: Not a valid number."),
        ("list_price__max=", "list_price__max: Not a valid number."),
        ("list_price__min=nan", "list_price__min: Not a valid number."),
        ("list_price__is=5", "list_price__is: Unknown field."),
        ("weight__min=5", "weight__min: Unknown field."),
        ("facts=5", "facts: Unknown field."),
        ("format__is=a&format__is=b", "format__is: Is given more than once."),
    ],
)
def test_bad_filter_is_422_with_its_name(rest: Rest, reader: int, query: str, message: str) -> None:
    answer = rest("GET", f"/user/{reader}/recommendations?{query}")
    assert (answer.status_code, answer.json["message"]) == (422, message)


def test_answers_and_document_have_the_facts(priced_app: Flask, rest: Rest, reader: int) -> None:
    said = {"list_price": 12.5, "format": "Paperback"}
    assert rest.answer("GET", "/book/1")["facts"] == said
    listed = rest.answer("GET", f"/user/{reader}/recommendations")["recommendations"]
    assert {each["book_id"]: each["facts"] for each in listed}[1] == said
    document = priced_app.test_client().get(f"{BASE}/openapi.json").json
    path = document["paths"]["/api/v1/user/{user_id}/recommendations"]
    named = {each["name"]: each for each in path["get"]["parameters"]}
    assert set(named) == {
        *("limit", "list_price__min", "list_price__max", "format__is"),
    }
    assert named["list_price__min"]["description"] == "Price, €, at least this"
    properties = document["components"]["schemas"]["Book"]["properties"]
    assert properties["facts"]["properties"] == {
        "list_price": {"type": "number"},
        "format": {"type": "string"},
    }


# sync-items


@pytest.mark.every_database
def test_sync_items_updates_facts_and_filters_at_once(
    priced_app: Flask, ann: FlaskClient, tmp_path: Path
) -> None:
    assert set(shown(ann.get("/?show=25&list_price__max=10").text)) == {3}
    lines = f"item;List price;format\n{BOOKS[1].key};9,99;\n{BOOKS[2].key};11;Cassette\n"
    status, printed = bring(priced_app, tmp_path, lines)
    assert (status, "2 titles changed" in printed) == (0, True)
    assert set(shown(ann.get("/?show=25&list_price__max=10").text)) == {2}
    with priced_app.app_context():
        assert db.session.get_one(Item, 2).facts == '{"list_price":9.99}'
    assert "Cassette" in ann.get("/title/3").text
    assert MARKUP.split(">")[1] not in ann.get("/title/3").text


def test_sync_items_takes_facts_together_in_json(priced_app: Flask, tmp_path: Path) -> None:
    line = f'{{"item": "{BOOKS[0].key}", "facts": {{"list_price": 1, "format": null}}}}\n'
    assert bring(priced_app, tmp_path, line, "items.jsonl")[0] == 0
    with priced_app.app_context():
        assert db.session.get_one(Item, 1).fact_values == {"list_price": 1.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("item,list_price\n{key},cheap\n", "list_price is 'cheap', which is not a number"),
        ("item,format\n{key}," + "x" * 61 + "\n", "which is not a text of at most 60"),
        ('{{"item": "{key}", "list_price": true}}\n', "which is not a number"),
        ('{{"item": "{key}", "list_price": Infinity}}\n', "which is not a number"),
        ('{{"item": "{key}", "list_price": [1]}}\n', "which is not a single value"),
    ],
)
def test_sync_items_stores_nothing_of_a_bad_fact(
    priced_app: Flask, tmp_path: Path, lines: str, message: str
) -> None:
    status, printed = bring(priced_app, tmp_path, lines.format(key=BOOKS[0].key))
    assert (status, message in printed) == (2, True)
    with priced_app.app_context():
        assert db.session.get_one(Item, 1).fact_values["list_price"] == 12.5


def test_release_says_what_is_available_until_the_site_knows(
    closed_app: Flask, store: ReleaseStore, tmp_path: Path
) -> None:
    from msgspec import structs

    items = [structs.replace(book, available=book.item_id != 2) for book in PRICED]
    publish(store, priced_release(), items)
    client = closed_app.test_client()
    register(client, "ann")
    assert 2 not in shown(client.get("/?show=25").text)
    assert bring(closed_app, tmp_path, f"item,available\n{BOOKS[1].key},3\n")[0] == 0
    assert 2 in shown(client.get("/?show=25").text)
    assert run(closed_app, "sync-catalogue")[0] == 0
    assert 2 in shown(client.get("/?show=25").text)
