"""Titles that people's files bring to a catalogue of films, by their ids at IMDb and TMDB."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts import service as accounts
from app.catalogue.added_titles import hide, merge_title
from app.extensions import db
from app.models import AddedTitle, Import, OpenLine, User
from app.portability import brought_titles
from tests.support.added_titles import (
    ANORA,
    FIRST,
    bring_title,
    columns_of,
    items_from_here,
    stars_of,
)
from tests.support.pages import stored
from tests.support.site import register
from tests.support.uploads import bring, report_of

pytestmark = pytest.mark.every_database

IMDB = "Const,Your Rating,Date Rated,Title,Title Type,Year,Genres,Directors\n"
LINE = 'tt28607951,9,2025-01-02,Anora,{},2024,"Comedy, Drama",Sean Baker\n'
FILM = IMDB + LINE.format("Movie")
OF_TOOLS = "tmdbID,Title,Year,Rating\n1064213,Anora,2024,4.5\n"


def waiting(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(OpenLine.title).order_by(OpenLine.title)))


def test_line_with_an_imdb_id_becomes_a_title_and_its_rating_counts(
    app: Flask, ann: FlaskClient
) -> None:
    page = bring(ann, FILM, follow_redirects=True).text
    names = ("title", "year", "genres", "creators", "imdb_id")
    assert columns_of(app, FIRST, *names) == (
        *("Anora", 2024, "Comedy|Drama", "Sean Baker", "tt28607951"),
    )
    assert stored(app) == [(FIRST, 4.5)]
    assert "<dt>New in our catalogue</dt><dd>1</dd>" in page
    report = report_of(app)
    assert (report["added"], report["by_id"], report["unmatched"]) == (1, 1, 0)
    with app.app_context():
        added = db.session.get_one(AddedTitle, FIRST)
        assert (added.via, added.added_by) == ("import", 21)
        assert added.import_id == db.session.scalar(select(Import.id))


def test_line_with_a_tmdb_id_becomes_a_title(app: Flask, ann: FlaskClient) -> None:
    bring(ann, OF_TOOLS)
    assert columns_of(app, FIRST, "title", "tmdb_id") == ("Anora", 1064213)
    assert stored(app) == [(FIRST, 4.5)]


def test_second_person_rates_the_same_title(app: Flask, ann: FlaskClient) -> None:
    bring(ann, FILM)
    bob = app.test_client()
    register(bob, "bob")
    bring(bob, FILM)
    assert items_from_here(app) == [(FIRST, "Anora")]
    assert stars_of(app, FIRST) == {21: 4.5, 22: 4.5}


@pytest.mark.parametrize(
    "lines",
    [
        IMDB + LINE.format("TV Episode"),
        IMDB + LINE.format("Videospiel"),
        "Date,Name,Year,Letterboxd URI,Rating\n2025-01-02,Anora,2024,https://x.example,4.5\n",
        "movieId,rating,imdbId\n77,5,28607951\n",
        IMDB + LINE.format("Movie").replace(",2024,", ",1860,"),
    ],
    ids=["episode", "game", "without an id", "without a name", "year of no film"],
)
def test_other_lines_become_no_titles(app: Flask, ann: FlaskClient, lines: str) -> None:
    bring(ann, lines)
    assert items_from_here(app) == []
    assert stored(app) == []


def test_books_are_not_brought(books_app: Flask) -> None:
    client = books_app.test_client()
    register(client, "bea")
    lines = "item_id,title,rating,rated_at,imdb_id\n99,Piranesi,4,2025-01-02,tt28607951\n"
    bring(client, lines)
    assert items_from_here(books_app) == []
    assert waiting(books_app) == ["Piranesi"]


def test_only_so_many_titles_of_a_person_are_added_a_day(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought_titles, "MOST_BROUGHT", 1)
    page = bring(ann, FILM + LINE.format("Movie").replace("51,", "52,"), follow_redirects=True)
    assert "1 titles that are new to us wait: your files may bring 1 a day" in page.text
    assert len(items_from_here(app)) == 1
    bring(ann, FILM.replace("51,", "53,"))
    assert len(items_from_here(app)) == 1
    assert waiting(app) == ["Anora", "Anora"]


def test_line_that_waited_becomes_a_title_when_it_is_sent_again(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(brought_titles, "MOST_BROUGHT", 0)
        bring(ann, FILM)
    assert waiting(app) == ["Anora"]
    bring(ann, FILM)
    assert (waiting(app), stored(app)) == ([], [(FIRST, 4.5)])


def test_undo_removes_a_title_that_only_the_file_brought(app: Flask, ann: FlaskClient) -> None:
    address = bring(ann, FILM).location
    ann.get("/")  # impressions
    ann.post(f"{address}/undo")
    assert items_from_here(app) == []
    assert ann.get(f"/title/{FIRST}").status_code == 404
    bring(ann, FILM)
    assert items_from_here(app) == [(FIRST + 1, "Anora")]


@pytest.mark.parametrize("use", [f"/title/{FIRST}/watchlist", f"/title/{FIRST}/rating"])
def test_undo_keeps_a_title_that_someone_else_uses(app: Flask, ann: FlaskClient, use: str) -> None:
    address = bring(ann, FILM).location
    bob = app.test_client()
    register(bob, "bob")
    assert bob.post(use, data={"rating": "4"}).status_code == 303
    ann.post(f"{address}/undo")
    assert items_from_here(app) == [(FIRST, "Anora")]


def test_file_matches_a_title_that_is_hidden_or_merged_by_its_id(
    app: Flask, ann: FlaskClient
) -> None:
    hidden = bring_title(app)
    double = bring_title(app, replace(ANORA, imdb_id="tt0000077", tmdb_id=None))
    with app.app_context():
        hide(hidden, is_hidden=True)
        merge_title(double, 3)
    bring(ann, FILM + LINE.format("Movie").replace("tt28607951", "tt0000077"))
    assert stored(app) == [(3, 4.5), (hidden, 4.5)]
    assert len(items_from_here(app)) == 2


def test_title_outlives_the_account_that_brought_it(app: Flask, ann: FlaskClient) -> None:
    bring(ann, FILM)
    with app.app_context():
        accounts.delete_account(db.session.get_one(User, 21))
        added = db.session.get_one(AddedTitle, FIRST)
        assert (added.added_by, added.import_id) == (None, None)
    assert stars_of(app, FIRST) == {}
