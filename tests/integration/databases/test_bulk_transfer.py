"""Bulk import and export of a data set, and use of indexes, on SQLite, MariaDB and PostgreSQL."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.engine import Connection

from app import create_app
from app.db.clock import utcnow
from app.extensions import db
from app.feedback.profile import UserProfile, profile_of, profiles_of
from app.models import Import, ImportChange, Item, User
from recommender.catalogue import Catalogue
from recommender.catalogue import CatalogueItem as Title
from recommender.storage.release import ItemArrays, Release
from recommender.storage.release_store import ReleaseStore
from tests.support.api import client_with_token
from tests.support.databases import DATABASES, Server, migrate, new_database
from tests.support.releases import no_parity_sample, tiny_release
from tests.support.site import PASSWORD, register, settings


@pytest.fixture(scope="module", params=DATABASES)
def furnished(
    request: pytest.FixtureRequest,
    servers: Callable[[str], Server],
    movielens: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Flask]:
    """A site with the titles and ratings of MovieLens latest-small, imported in bulk."""
    folder = tmp_path_factory.mktemp("furnished")
    url = new_database(request.param, servers, folder)
    migrate(url)
    store = ReleaseStore(folder / "releases")
    release = release_of(movielens)
    store.publish(release[0], release[1], no_parity_sample())
    store.promote(release[0].version)
    app = create_app(settings(url, store.folder), TESTING=True, WTF_CSRF_ENABLED=False)
    done = app.test_cli_runner().invoke(args=["import-ratings", str(movielens)])
    assert "100,836 ratings; 0 of titles" in done.output
    with app.app_context():
        add_imports_of_others()
        if db.engine.dialect.name != "sqlite":
            analyze = "ANALYZE TABLE {}" if db.engine.dialect.name == "mysql" else "ANALYZE {}"
            with db.engine.begin() as connection:
                for table in db.metadata.sorted_tables:
                    connection.execute(text(analyze.format(table.name)))
    yield app
    with app.app_context():
        db.engine.dispose()


def add_imports_of_others() -> None:
    """MariaDB would scan tables without rows, whatever their indexes are."""
    files = [Import(user_id=user_id, imported_at=utcnow(), report={}) for user_id in range(1, 601)]
    db.session.add_all(files)
    db.session.flush()
    db.session.add_all(
        ImportChange(import_id=file.id, kind="rating", item_id=item_id)
        for file in files
        for item_id in (1, 2, 3)
    )
    db.session.commit()


def release_of(movielens: Path) -> tuple[Release, list[Title]]:
    """Return an untrained release with the items of the data set."""
    with (movielens / "movies.csv").open(encoding="utf-8", newline="") as file:
        titles = [
            Title(int(row["movieId"]), row["title"], None, tuple(row["genres"].split("|")))
            for row in csv.DictReader(file)
        ]
    n, tastes = len(titles), np.random.default_rng(0).normal(size=(len(titles), 2))
    arrays = ItemArrays(
        item_ids=np.array(sorted(title.item_id for title in titles)),
        ranking_factors=tastes.astype(np.float32),
        rating_factors=tastes.astype(np.float32),
        item_bias=np.zeros(n, np.float32),
        item_counts=np.ones(n, np.int64),
        item_means=np.full(n, 3, np.float32),
    )
    listed = Catalogue("ml", "movie", "explicit", 0.5, 5.0, 0.5, 100_836, 610, n, 610)
    return tiny_release(catalogue=listed, arrays=arrays), titles


def test_export_ratings_equals_the_bulk_import(
    furnished: Flask, movielens: Path, tmp_path: Path
) -> None:
    shown_text = furnished.test_cli_runner().invoke(args=["export-ratings", str(tmp_path)])
    assert "100,836 ratings" in shown_text.output
    original = (movielens / "ratings.csv").read_text().splitlines()
    assert (tmp_path / "ratings.csv").read_text().splitlines() == [
        re.sub(r"\.0,", ",", line) for line in original
    ]


def test_item_statistics_equal_the_imported_ratings(furnished: Flask, movielens: Path) -> None:
    votes: dict[int, list[float]] = defaultdict(list)
    with (movielens / "ratings.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            votes[int(row["movieId"])].append(float(row["rating"]))
    with furnished.app_context():
        stored = db.session.execute(select(Item.id, Item.rating_count, Item.rating_mean)).all()
    assert {i: (count, mean) for i, count, mean in stored if count} == {
        i: (len(stars), sum(stars) / len(stars)) for i, stars in votes.items()
    }
    assert {mean for _, count, mean in stored if not count} == {None}


PAGES = (
    "/",
    "/ratings",
    "/title/1",
    "/watchlist",
    "/search?q=matrix",
    "/group",
    "/data",
    "/account",
    "/welcome",
    "/hidden",
    "/accuracy",
    "/search?suggest=1&q=mat",
    "/data/export.json",
)
API = (
    "/user/1",
    "/user/1/recommendations",
    "/user/1/ratings/top",
    "/user/1/ratings/latest",
    "/user/1/because/2",
    "/movies/top",
    "/movie/1",
    "/movie/1/similar",
    "/user/1/estimate/2",
    "/search?q=matrix",
)


# What a process reads whole, once for each edition of the catalogue: app.catalogue.editions.
ONCE_AN_EDITION = (
    r"^SELECT added_titles\.item_id \nFROM added_titles \nWHERE"
    r"|^SELECT items\.id, items\.title, items\.year, items\.creators, items\.rating_count"
    r" \nFROM items$"
)


def test_queries_of_requests_use_an_index(furnished: Flask) -> None:
    """Covers every statement of pages and API operations.

    The tables of the site's and the catalogue's state have one row and need no index.
    """
    with recorded(furnished) as statements:
        ann = furnished.test_client()
        register(ann, "ann")
        for item in (1, 2, 6):
            ann.post(f"/title/{item}/rating", data={"rating": "4"})
        ann.post("/title/50/watchlist")
        ann.post("/title/1/rating/delete")
        assert {path for path in PAGES if ann.get(path).status_code != 200} == set()
        rest = client_with_token(furnished, "plans")
        for path in API:
            rest.answer("GET", path)
        rest.answer("PUT", "/user/1/rating", {"movie_id": 1, "rating": 4})
        ann.post("/data/delete", data={"password": PASSWORD})
    assert len(statements) > 30
    with furnished.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # Small tables are scanned despite an index, so scans are disabled for this check.
            connection.exec_driver_sql("SET enable_seqscan = off")
        scanned = {
            statement: plan
            for statement, parameters in statements
            if not re.search("site_state|catalogue_state", statement)
            and (plan := whole_scan(connection, statement, parameters))
        }
    assert [statement for statement in scanned if not re.search(ONCE_AN_EDITION, statement)] == []


def test_page_runs_one_query_for_ratings_and_one_for_items(furnished: Flask) -> None:
    bob = furnished.test_client()
    register(bob, "bob")
    for item in (1, 2, 6):
        bob.post(f"/title/{item}/rating", data={"rating": "4"})
    bob.get("/")
    with recorded(furnished) as statements:
        bob.get("/")
    asked = [re.search(r"FROM (\w+)", statement)[1] for statement, _ in statements]
    for table in ("experiments", "catalogue_state"):  # by the watcher, which here always polls
        asked.remove(table)
    found = ["catalogue_state", "items", "marks", "ratings", "shown", "shown", "users"]
    assert sorted(asked) == found


def test_recommendations_over_rest_run_one_statement(furnished: Flask) -> None:
    rest = client_with_token(furnished, "counted")
    rest.answer("GET", "/user/1/recommendations")  # reads the token, and the titles of the list
    with recorded(furnished) as statements:
        rest.answer("GET", "/user/1/recommendations")
    asked = [found[1] for sql, _ in statements if (found := re.search(r"FROM (\w+)", sql))]
    # The others by the watcher, which here always polls.
    assert sorted(asked) == ["catalogue_state", "experiments", "ratings"]


def test_user_profiles_are_equal_for_one_and_for_many_users(furnished: Flask) -> None:
    dora = furnished.test_client()
    register(dora, "dora")
    dora.post("/title/1/rating", data={"rating": "4"})
    dora.post("/title/50/hidden")
    dora.post("/title/6/watchlist")
    with furnished.app_context():
        who = db.session.scalar(select(User.id).where(User.username == "dora"))
        nobody = who + 1000
        assert profile_of(who) == UserProfile({1: 4.0}, {50})
        assert profile_of(nobody) == UserProfile()
        assert profiles_of([who, 1, nobody]) == {
            who: profile_of(who),
            1: profile_of(1),
            nobody: UserProfile(),
        }
        assert len(profile_of(1).ratings) > 200


@contextmanager
def recorded(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """Record (statement, parameters) of every statement executed meanwhile."""
    printed: list[tuple[str, Any]] = []
    with app.app_context():
        engine = db.engine

    def listen(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        printed.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    yield printed
    event.remove(engine, "before_cursor_execute", listen)


def whole_scan(connection: Connection, statement: str, parameters: Any) -> str:
    """Return the query plan if it scans a whole table, else an empty text."""
    if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
        return ""
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    plan = "\n".join(str(tuple(row)) for row in rows)
    match connection.dialect.name:
        case "sqlite":
            scans = re.search(r"SCAN (?!CONSTANT|anon_)\w+(?! USING)", plan)
        case "postgresql":
            scans = re.search(r"Seq Scan on \w+", plan)
        case _:
            scans = [row for row in rows if row.type == "ALL" and not row.table.startswith("<")]
    return plan if scans else ""
