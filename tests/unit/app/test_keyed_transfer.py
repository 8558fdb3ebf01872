"""Bulk transfer of ratings by key, and keys of items and users in the database."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from msgspec import structs
from sqlalchemy import select

from app.catalogue.items import sync_catalogue
from app.extensions import db
from app.models import Item, SiteState, User
from recommender.storage.release_store import ReleaseStore
from tests.support.api import stored
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.site import register
from tests.support.tiny_catalogues import BOOKS, READER, books_release, publish

KEYS = [book.key for book in BOOKS]
LINES = (
    "userKey,itemKey,rating,timestamp\n"
    f"reader-1,{KEYS[0]},8,978300760\nreader-1,{KEYS[4]},1,2001-01-01\n"
    f"reader-20,{KEYS[0]},10,978300762\nnobody,{KEYS[0]},5,1\nreader-2,nothing,5,1\n"
)


def bring(app: Flask, folder: Path, lines: str = LINES) -> tuple[int, list[str]]:
    status, printed = run(app, "import-ratings", str(write_files(folder, {"ratings.csv": lines})))
    return status, printed.splitlines()


@pytest.mark.every_database
def test_import_ratings_takes_keys_and_the_catalogue_s_scale(
    books_app: Flask, tmp_path: Path
) -> None:
    status, printed = bring(books_app, tmp_path / "in")
    assert (status, printed[-2:]) == (
        0,
        [
            "3 ratings; 0 of titles that the release does not list were left out",
            "1 of users and 1 of titles whose keys the release does not have were left out; train"
            " with them first",
        ],
    )
    assert stored(books_app) == [
        (READER, 1, 4.0, False),
        (READER, 5, 0.5, False),
        (READER + 19, 1, 5.0, False),
    ]
    with books_app.app_context():
        keys = db.session.execute(select(User.id, User.key).order_by(User.id))
        assert [tuple(row) for row in keys] == [(READER, "reader-1"), (READER + 19, "reader-20")]


def test_import_ratings_by_key_leaves_low_ids_to_people_who_sign_up(
    books_app: Flask, tmp_path: Path
) -> None:
    bring(books_app, tmp_path / "in")
    register(books_app.test_client(), "ann")
    with books_app.app_context():
        ann = db.session.scalars(select(User).where(User.username == "ann")).one()
        assert (ann.id, ann.key) == (1, None)
        assert db.session.scalars(select(SiteState.last_user_id)).one() == 1


@pytest.mark.every_database
def test_export_ratings_names_keys_beside_ids(books_app: Flask, tmp_path: Path) -> None:
    bring(books_app, tmp_path / "in")
    client = books_app.test_client()
    register(client, "ann")
    client.post("/title/2/rating", data={"rating": "3.5"})
    assert run(books_app, "export-ratings", str(tmp_path / "out"))[0] == 0
    with (tmp_path / "out" / "ratings.csv").open(newline="") as text:
        rows = list(csv.reader(text))
    assert rows[0] == ["userId", "movieId", "rating", "timestamp", "userKey", "itemKey"]
    assert rows[1][:3] + rows[1][4:] == ["1", "2", "3.5", "", KEYS[1]]
    assert rows[2] == [str(READER), "1", "4", "978300760", "reader-1", KEYS[0]]


def test_import_of_an_export_by_key_changes_nothing(books_app: Flask, tmp_path: Path) -> None:
    bring(books_app, tmp_path / "in")
    before = stored(books_app)
    run(books_app, "export-ratings", str(tmp_path / "out"))
    assert run(books_app, "import-ratings", str(tmp_path / "out"))[0] == 0
    assert stored(books_app) == before


def test_import_ratings_by_key_needs_neither_values_nor_times_of_plays(
    songs_app: Flask, tmp_path: Path
) -> None:
    assert bring(songs_app, tmp_path, "user_key;item_key\nreader-3;s1\nreader-3;s2\n")[0] == 0
    assert stored(songs_app) == [(READER + 2, 1, 1.0, False), (READER + 2, 2, 1.0, False)]


@pytest.mark.parametrize(
    ("line", "output"),
    [
        (f"reader-1,{KEYS[0]},11,1", "line 3: the rating is not a number from 1 to 10"),
        (f"reader-1,{KEYS[0]},good,1", "line 3: the rating is not a number from 1 to 10"),
        (f"reader-1,{KEYS[0]},nan,1", "line 3: the rating is not a number from 1 to 10"),
        (f"reader-1,{KEYS[0]},5,yesterday", "line 3: the timestamp is not whole seconds"),
        (f"reader-1,{KEYS[0]}", "line 3: too few fields"),
    ],
)
def test_import_ratings_by_key_names_a_bad_line(
    books_app: Flask, tmp_path: Path, line: str, output: str
) -> None:
    status, printed = bring(books_app, tmp_path, "\n".join([*LINES.splitlines()[:2], line, ""]))
    assert status == 2
    assert output in printed[-1]


@pytest.mark.every_database
def test_sync_catalogue_moves_a_key_from_one_item_to_another(
    closed_app: Flask, store: ReleaseStore
) -> None:
    publish(store, books_release(), BOOKS)
    swapped = [
        structs.replace(book, key=KEYS[1 - place] if place < 2 else book.key)
        for place, book in enumerate(BOOKS)
    ]
    second = replace(books_release(), version="20260303-000001-cccc")
    with closed_app.app_context():
        sync_catalogue(store.read(store.current().version))
        publish(store, second, swapped)
        sync_catalogue(store.read(second.version))
        keys = db.session.execute(select(Item.id, Item.key).order_by(Item.id)).all()
    assert [tuple(row) for row in keys] == [(book.item_id, book.key) for book in swapped]
