"""Search by names that have changed since the training, and by titles that came since."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask

from app.catalogue import current_titles
from app.catalogue.editions import raise_edition
from app.catalogue.items import search
from app.catalogue.search_index import TitleIndex
from app.extensions import db
from app.models import Item
from app.recommend.model_watcher import serving
from recommender.catalogue import CatalogueItem
from recommender.formats.titles import search_key
from tests.support.api import client_with_token
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.tiny_catalogues import BOOKS


def found(app: Flask, query: str) -> list[int]:
    with app.app_context():
        return [item.id for item in search(query, 9, serving.titles)]


def bring(app: Flask, folder: Path, content: str) -> None:
    status, printed = run(app, "sync-items", str(write_files(folder, {"x.csv": content}) / "x.csv"))
    assert status == 0, printed


@pytest.fixture
def books(books_app: Flask) -> Flask:
    books_app.test_client().get("/health")
    return books_app


@pytest.mark.every_database
def test_search_finds_a_title_by_its_new_name_and_creators_alone(
    books: Flask, tmp_path: Path
) -> None:
    assert found(books, "emma") == [5]
    rest = client_with_token(books, "service")
    bring(books, tmp_path, f"item,title,year,creators\n{BOOKS[4].key},The Matchmaker,1816,J. Smith")
    assert found(books, "emma") == []
    for query in ("matchmaker", "matchmakre", "smith", "1816 match"):
        assert found(books, query) == [5], query
    assert rest.answer("GET", "/search?q=matchmaker")["books"][0]["book_id"] == 5
    assert found(books, "austen") == [6, 7]


@pytest.mark.every_database
def test_search_finds_titles_that_the_release_lacks(books: Flask) -> None:
    assert found(books, "solaris") == []
    with books.app_context():
        key = search_key("Solaris 1961")
        db.session.add(Item(id=70, title="Solaris", year=1961, search_key=key, rating_count=0))
        raise_edition()
        db.session.commit()
    assert found(books, "solaris") == [70]
    assert found(books, "solari") == [70]


def test_search_ranks_old_and_new_names_together(books: Flask, tmp_path: Path) -> None:
    bring(books, tmp_path, f"item,title\n{BOOKS[7].key},Omens\n{BOOKS[1].key},Good Omen Tales\n")
    assert found(books, "omens") == [8, 3]  # the whole title, then a word
    assert found(books, "omen") == [2, 3, 8]  # a word, then beginnings, most rated first
    assert found(books, "omenz") != []


def test_typos_are_forgiven_only_where_neither_index_has_the_word(
    books: Flask, tmp_path: Path
) -> None:
    assert found(books, "persuasiom") == [6]
    bring(books, tmp_path, f"item,title\n{BOOKS[7].key},Persuasiom\n")
    assert found(books, "persuasiom") == [8]


def test_names_are_compared_once_for_each_edition(
    books: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    stored = current_titles._stored_titles
    monkeypatch.setattr(
        current_titles,
        "_stored_titles",
        lambda: calls.append(1) or stored(),  # type: ignore[func-returns-value]
    )
    for query in ("emma", "omens"):
        found(books, query)
    assert len(calls) == 1
    bring(books, tmp_path, f"item,available\n{BOOKS[7].key},no\n")
    found(books, "emma")
    found(books, "emma")
    assert len(calls) == 2


@pytest.mark.slow
def test_comparing_60_000_names_costs_less_than_indexing_them() -> None:
    items = [
        CatalogueItem(n, f"title {n} of {n % 977}", 1920 + n % 100, creators=(f"maker {n % 5000}",))
        for n in range(60_000)
    ]
    started = time.process_time()
    released = TitleIndex(items, {})
    indexed = time.process_time()
    rows = [(i.item_id, i.title, i.year, "|".join(i.creators), 0) for i in items]
    rows[7] = (7, "another name", 2000, "", 0)
    begun = time.process_time()
    current = current_titles.CurrentTitles(released, rows)  # type: ignore[arg-type]
    compared = time.process_time() - begun
    assert compared < (indexed - started) / 2
    assert current.find("another name", 5) == [7]
