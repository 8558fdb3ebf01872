"""Titles that are added between two trainings: by file, merged, hidden, and met by a release."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.catalogue.added_titles import hide, merge_title
from app.catalogue.availability import unavailable_ids
from app.catalogue.items import search, sync_catalogue
from app.catalogue.search_index import TitleIndex
from app.catalogue.title_merges import NotMerged
from app.db.clock import utcnow
from app.db.upsert import upsert
from app.extensions import db
from app.models import CatalogueState, Impression, Item, ListEntry, Rating, User
from recommender.catalogue import CatalogueItem
from recommender.formats.added_titles import TITLES_FILE, read_titles
from recommender.storage.release_store import ReleaseStore
from tests.support.added_titles import (
    ANORA,
    FIRST,
    bring_title,
    columns_of,
    items_from_here,
    stars_of,
)
from tests.support.commands import run
from tests.support.datasets import write_files
from tests.support.releases import ITEMS, SECOND, no_parity_sample, tiny_release
from tests.support.tiny_catalogues import BOOKS

pytestmark = pytest.mark.every_database

HEADER = "title,year,genres,creators,imdb_id,tmdb_id,description,image,link\n"
LINE = "Anora,2024,Comedy|Drama,Sean Baker,tt28607951,1064213,A dancer.,,https://a.example/1\n"


def add(app: Flask, folder: Path, content: str, name: str = "titles.csv") -> tuple[int, str]:
    return run(app, "add-titles", str(write_files(folder, {name: content}) / name))


# flask add-titles


def test_add_titles_stores_facts_under_an_id_of_the_site(app: Flask, tmp_path: Path) -> None:
    assert add(app, tmp_path, HEADER + LINE) == (0, "1 titles are new, 0 were here\n")
    names = ("title", "year", "genres", "creators", "imdb_id", "tmdb_id", "description", "link")
    assert columns_of(app, FIRST, *names) == (
        *("Anora", 2024, "Comedy|Drama", "Sean Baker", "tt28607951", 1064213, "A dancer."),
        "https://a.example/1",
    )
    assert columns_of(app, FIRST, "available", "rating_count", "search_key") == (
        *(True, 0, "anora 2024"),
    )


def test_add_titles_reads_json_lines(app: Flask, tmp_path: Path) -> None:
    lines = '{"title": "Anora", "year": 2024, "genres": ["Comedy", "Drama"], "tmdbId": 1064213}\n'
    assert add(app, tmp_path, lines, "titles.jsonl")[0] == 0
    assert columns_of(app, FIRST, "genres", "tmdb_id") == ("Comedy|Drama", 1064213)


@pytest.mark.parametrize(
    "again",
    [
        "title,imdb_id\nAnother Name,tt28607951\n",
        "title,tmdb_id\nAnora,1064213\n",
        "title,imdb_id\nStill Another,TT28607951\nOnce More,tt28607951\n",
    ],
)
def test_add_titles_adds_no_title_twice(app: Flask, tmp_path: Path, again: str) -> None:
    add(app, tmp_path, HEADER + LINE)
    status, printed = add(app, tmp_path, again)
    assert (status, printed.split(",")[0]) == (0, "0 titles are new")
    assert items_from_here(app) == [(FIRST, "Anora")]


def test_add_titles_finds_a_title_of_the_release(app: Flask, tmp_path: Path) -> None:
    file = "title,imdb_id\nSpace Station,tt0000001\n"
    assert add(app, tmp_path, file) == (0, "0 titles are new, 1 were here\n")


def test_add_titles_adds_a_title_that_stands_twice_in_a_file_once(
    app: Flask, tmp_path: Path
) -> None:
    file = "title,imdb_id\nAnora,tt28607951\nAnora,tt28607951\n"
    assert add(app, tmp_path, file) == (0, "1 titles are new, 1 were here\n")


def test_add_titles_finds_titles_by_key(books_app: Flask, tmp_path: Path) -> None:
    file = f"title,key\nThe Dispossessed,{BOOKS[1].key}\nPiranesi,978-1\nAgain,978-1\n"
    assert add(books_app, tmp_path, file) == (0, "1 titles are new, 2 were here\n")
    assert columns_of(books_app, FIRST, "title", "key") == ("Piranesi", "978-1")


def test_add_titles_warns_of_a_name_and_year_that_is_here(app: Flask, tmp_path: Path) -> None:
    status, printed = add(app, tmp_path, "title,year\nspace STATION,1979\nSpace Station,1980\n")
    assert status == 0
    assert "warning: 1 names, with the year, are those of other titles too" in printed


def test_add_titles_stores_markup_as_text(app: Flask, ann: FlaskClient, tmp_path: Path) -> None:
    add(app, tmp_path, "title,year\n<script>alert(1)</script>,2025\n")
    page = ann.get(f"/title/{FIRST}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page + ann.get(f"/poster/{FIRST}.svg").text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name\nx\n", "column 'title' is missing"),
        ("title,year\n ,2020\n", "line 2: title is '', which is not a title"),
        ("title,year\nx,20199\n", "line 2: year is '20199', which is not a year of a movie"),
        ("title,year\nx,1869\n", "which is not a year of a movie"),
        ("title,imdb_id\nx,0133093\n", "which is not an id of IMDb such as tt0133093"),
        ("title,tmdb_id\nx,-4\n", "which is not an id of TMDB such as 603"),
        ("title,key\nx,4\n", "the release in service has no keys"),
        ("title,image\nx,http://a.example/1.jpg\n", "which is not an https address"),
        (
            "title,imdb_id,tmdb_id\ny,tt0000002,5\n",
            "line 2: 'y' has the ids imdb_id tt0000002, tmdb_id 5, which belong to another title",
        ),
        ('{"year": 2020}\n', "line 1: no title"),
        ('{"title": ["x"]}\n', "which is not a single value"),
    ],
)
def test_add_titles_stores_nothing_when_a_line_is_bad(
    app: Flask, tmp_path: Path, content: str, said: str
) -> None:
    good = {"{": '{"title": "Fine"}\n'}.get(content[0], "")
    if not good and content.startswith("title,imdb_id,tmdb_id"):
        bring_title(app, replace(ANORA, title="x", imdb_id="tt0000077", tmdb_id=5))
    before = items_from_here(app)
    status, printed = add(app, tmp_path, good + content)
    assert status == 2
    assert said.replace("line 1", "line 2") in printed if good else said in printed
    assert items_from_here(app) == before


def test_ids_of_added_titles_are_never_given_twice(app: Flask) -> None:
    first, second = bring_title(app), bring_title(app, replace(ANORA, imdb_id=None, tmdb_id=None))
    assert (first, second) == (FIRST, FIRST + 1)
    with app.app_context():
        merge_title(second, first)
    assert bring_title(app, replace(ANORA, imdb_id="tt0000099", tmdb_id=None)) == FIRST + 2


# Merge


@pytest.fixture
def people(app: Flask) -> list[int]:
    """The ids of four users."""
    with app.app_context():
        db.session.add_all([User(id=number, from_data_set=True) for number in (1, 2, 3, 4)])
        db.session.commit()
    return [1, 2, 3, 4]


def rate(app: Flask, rows: list[tuple[int, int, float, int, bool]]) -> None:
    """Store (user, item, stars, days ago, is implicit)."""
    names = ("user_id", "item_id", "rating", "rated_at", "is_implicit")
    now = utcnow()
    with app.app_context():
        values = [(u, i, stars, now - timedelta(days=ago), of) for u, i, stars, ago, of in rows]
        upsert(Rating, [dict(zip(names, row, strict=True)) for row in values])
        db.session.commit()


def test_merge_moves_ratings_and_the_newer_of_two_stays(app: Flask, people: list[int]) -> None:
    double = bring_title(app)
    rate(
        app,
        [
            *((1, double, 1.0, 1, False), (1, 3, 5.0, 9, False)),
            *((2, double, 2.0, 9, False), (2, 3, 4.0, 1, False)),
            *((3, double, 3.0, 1, True), (3, 3, 4.5, 9, False)),
            (4, double, 4.0, 1, False),
        ],
    )
    with app.app_context():
        assert merge_title(double, 3) == 3
    assert stars_of(app, 3) == {1: 1.0, 2: 4.0, 3: 4.5, 4: 4.0}
    assert stars_of(app, double) == {}


def test_merge_moves_lists_and_impressions(app: Flask, people: list[int]) -> None:
    double, now = bring_title(app), utcnow()
    marks = [(1, "watchlist", double), (1, "watchlist", 3), (1, "hidden", double), (2, "seen", 3)]
    shown = {"shown_at": now, "place": 1, "model_version": "x"}
    with app.app_context():
        upsert(
            ListEntry,
            [{"user_id": u, "kind": k, "item_id": i, "marked_at": now} for u, k, i in marks],
        )
        upsert(Impression, [{"user_id": u, "item_id": double, **shown} for u in (1, 2)])
        upsert(Impression, [{"user_id": 1, "item_id": 3, **shown}])
        db.session.commit()
        merge_title(double, 3)
        listed = select(ListEntry.user_id, ListEntry.kind, ListEntry.item_id)
        assert sorted(map(tuple, db.session.execute(listed))) == [
            *((1, "hidden", 3), (1, "watchlist", 3), (2, "seen", 3)),
        ]
        seen = select(Impression.user_id, Impression.item_id)
        assert sorted(map(tuple, db.session.execute(seen))) == [(1, 3), (2, 3)]


def test_merged_title_redirects_and_takes_ratings_for_the_other(
    app: Flask, ann: FlaskClient
) -> None:
    double = bring_title(app)
    with app.app_context():
        merge_title(double, 3)
    answer = ann.get(f"/title/{double}")
    assert (answer.status_code, answer.location) == (301, "/title/3")
    assert ann.post(f"/title/{double}/rating", data={"rating": "4"}).status_code == 303
    assert list(stars_of(app, 3).values()) == [4.0]


def test_title_is_added_no_more_once_it_is_merged(app: Flask) -> None:
    double = bring_title(app)
    with app.app_context():
        merge_title(double, 3)
    assert bring_title(app) == 3


def test_merge_follows_titles_that_were_merged_before(app: Flask) -> None:
    first = bring_title(app)
    second = bring_title(app, replace(ANORA, imdb_id="tt0000009", tmdb_id=None))
    with app.app_context():
        merge_title(first, second)
        assert merge_title(second, 3) == 3
    assert bring_title(app) == 3


@pytest.mark.parametrize(
    ("double", "into", "said"),
    [(1, 3, "was not added here"), (FIRST, 99, "no title 99"), (FIRST, FIRST, "into itself")],
)
def test_merge_refuses_what_is_no_double(app: Flask, double: int, into: int, said: str) -> None:
    bring_title(app)
    with app.app_context(), pytest.raises(NotMerged, match=said):
        merge_title(double, into)


# Hide


def test_hidden_title_is_on_no_list_and_not_found(app: Flask, ann: FlaskClient) -> None:
    added = bring_title(app)
    ann.post(f"/title/{added}/rating", data={"rating": "4"})
    with app.app_context():
        assert [item.id for item in search("anora", 5, None)] == [added]
    with app.app_context():
        assert hide(added, is_hidden=True)
    with app.app_context():
        assert search("anora", 5, None) == []
        assert added in unavailable_ids()
    assert "Not available now" in ann.get(f"/title/{added}").text
    assert list(stars_of(app, added).values()) == [4.0]
    with app.app_context():
        assert hide(added, is_hidden=False)
        assert [item.id for item in search("anora", 5, None)] == [added]


def test_search_of_the_index_leaves_out_what_the_owner_hid(app: Flask) -> None:
    added = bring_title(app)
    index = TitleIndex.of(app.extensions["serving"].model.release)
    with app.test_request_context():
        assert [item.id for item in search("anora", 5, index)] == [added]
    with app.app_context():
        hide(added, is_hidden=True)
    with app.test_request_context():
        assert search("anora", 5, index) == []


def test_sync_items_does_not_bring_a_hidden_title_back(app: Flask, tmp_path: Path) -> None:
    added = bring_title(app)
    with app.app_context():
        hide(added, is_hidden=True)
    file = write_files(tmp_path, {"items.csv": f"item,available\n{added},yes\n"}) / "items.csv"
    assert run(app, "sync-items", str(file))[0] == 0
    assert columns_of(app, added, "available") == (False,)


def test_hide_refuses_titles_of_the_release(app: Flask) -> None:
    with app.app_context():
        assert not hide(1, is_hidden=True)


# A release that knows it


def publish(store: ReleaseStore, *more: CatalogueItem) -> None:
    with_more = [*ITEMS, *more]
    store.publish(tiny_release(SECOND), with_more, no_parity_sample())
    store.promote(SECOND)


def sync(app: Flask, store: ReleaseStore) -> None:
    with app.app_context():
        sync_catalogue(store.read(SECOND))


def test_sync_keeps_an_added_title_as_it_is_when_the_release_has_it(
    app: Flask, store: ReleaseStore
) -> None:
    added = bring_title(app)
    publish(store, CatalogueItem(added, "Anora as exported", 1999))
    sync(app, store)
    assert columns_of(app, added, "title", "year") == ("Anora", 2024)


def test_sync_merges_an_added_title_that_the_release_has_under_another_id(
    app: Flask, ann: FlaskClient, store: ReleaseStore
) -> None:
    added = bring_title(app)
    ann.post(f"/title/{added}/rating", data={"rating": "4"})
    publish(store, CatalogueItem(77, "Anora", 2024, imdb_id="tt28607951"))
    sync(app, store)
    assert list(stars_of(app, 77).values()) == [4.0]
    assert ann.get(f"/title/{added}").location == "/title/77"
    assert columns_of(app, added, "available") == (False,)


def test_sync_gives_no_id_again_that_the_release_has(app: Flask, store: ReleaseStore) -> None:
    publish(store, CatalogueItem(FIRST + 6, "From another site", 2024))
    sync(app, store)
    assert bring_title(app) == FIRST + 7


def test_sync_merges_by_key(
    books_app: Flask, store: ReleaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(books_app, tmp_path, "title,key\nPiranesi,978-1\n")
    release = store.read(store.current().version)
    with books_app.app_context():
        db.session.get_one(Item, 9).key = None
        db.session.commit()
    items = [*BOOKS[:-1], CatalogueItem(9, "Piranesi", key="978-1")]
    monkeypatch.setattr(type(release), "items", lambda _: iter(items))
    with books_app.app_context():
        sync_catalogue(release, again=True)
    assert columns_of(books_app, 9, "title", "key") == ("Piranesi", "978-1")
    assert columns_of(books_app, FIRST, "key", "available") == (None, False)


def test_each_change_of_added_titles_raises_the_edition(app: Flask) -> None:
    def edition() -> int:
        with app.app_context():
            return db.session.get_one(CatalogueState, 1).edition

    editions = [edition()]
    added = bring_title(app)
    editions.append(edition())
    for change in (lambda: hide(added, is_hidden=True), lambda: merge_title(added, 3)):
        with app.app_context():
            change()
        editions.append(edition())
    assert editions == sorted(set(editions))


# Export for training


def test_export_ratings_hands_added_titles_over(
    app: Flask, ann: FlaskClient, tmp_path: Path
) -> None:
    added = bring_title(app, replace(ANORA, description="A dancer."))
    ann.post(f"/title/{added}/rating", data={"rating": "4"})
    status, printed = run(app, "export-ratings", str(tmp_path / "out"))
    assert (status, printed.split(";")[0]) == (*(0, "1 ratings and 1 titles that were added here"),)
    (title,) = read_titles((tmp_path / "out" / TITLES_FILE).read_bytes(), "there")
    assert title == CatalogueItem(
        *(added, "Anora", 2024, ("Comedy", "Drama"), "tt28607951", 1064213, "A dancer."),
        creators=("Sean Baker",),
    )
    assert f"21,{added},4," in (tmp_path / "out" / "ratings.csv").read_text()


def test_export_ratings_leaves_hidden_titles_and_their_ratings_out(
    app: Flask, ann: FlaskClient, tmp_path: Path
) -> None:
    added = bring_title(app)
    ann.post(f"/title/{added}/rating", data={"rating": "4"})
    ann.post("/title/1/rating", data={"rating": "5"})
    assert "1 titles" in run(app, "export-ratings", str(tmp_path / "out"))[1]
    with app.app_context():
        hide(added, is_hidden=True)
    assert run(app, "export-ratings", str(tmp_path / "out"))[1].startswith("1 ratings; to train")
    assert (tmp_path / "out" / TITLES_FILE).read_text() == ""
    assert str(added) not in (tmp_path / "out" / "ratings.csv").read_text()
