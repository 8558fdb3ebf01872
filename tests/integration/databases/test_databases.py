"""Database behaviour that the site needs, on SQLite, MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app import create_app
from app.accounts import api_tokens
from app.accounts import service as accounts
from app.catalogue import item_statistics
from app.catalogue import items as catalogue
from app.db.clock import utcnow
from app.db.retry import TRIES, retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.feedback import ratings, user_lists
from app.group import friends
from app.models import Import, Item, Rating
from app.recommend.model_watcher import serving
from recommender.catalogue import CatalogueItem as Title
from recommender.storage.release_store import ReleaseStore
from tests.support.databases import empty
from tests.support.releases import ITEMS, no_parity_sample, publish_tiny, tiny_release
from tests.support.site import PASSWORD, settings

THREADS = 6
EMOJI = "🎬 Amélie — 愛 \U0001f9d1\u200d\U0001f680"


@pytest.fixture
def site(migrated_database: str, store: ReleaseStore) -> Iterator[Flask]:
    """A site that serves the tiny release, its titles in the database, in an app context."""
    empty(migrated_database)
    publish_tiny(store)
    app = create_app(
        settings(migrated_database, store.folder), TESTING=True, WTF_CSRF_ENABLED=False
    )
    app.test_client().get("/health")
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def at_once(app: Flask, *calls: Callable[[], Any]) -> list[Any]:
    """Run calls concurrently, each in its own app context; return their results."""

    def made(call: Callable[[], Any]) -> Any:
        with app.app_context():
            return call()

    with ThreadPoolExecutor(THREADS) as pool:
        return [done.result() for done in [pool.submit(made, call) for call in calls]]


def test_user_names_are_unique_ignoring_case_and_not_accents(site: Flask) -> None:
    andre = accounts.register("André", "a@example.com", PASSWORD)
    plain = accounts.register("Andre", "b@example.com", PASSWORD)
    assert andre is not None
    assert plain is not None
    assert accounts.register("ANDRÉ", "c@example.com", PASSWORD) is None
    assert accounts.recognise("andré", PASSWORD).id == andre.id
    assert accounts.recognise("ANDRE", PASSWORD).id == plain.id
    assert accounts.recognise("B@Example.com", PASSWORD) is None
    accounts.confirm_address(plain)
    assert accounts.recognise("B@Example.com", PASSWORD).id == plain.id


def test_register_rejects_a_name_that_exceeds_its_column_when_folded(site: Flask) -> None:
    person = {"password": PASSWORD, "confirm": PASSWORD}
    for name, email in (("\ufdfa" * 64, "a@example.com"), ("ann", "\ufdfa" * 60 + "@example.com")):
        form = {**person, "username": name, "email": email}
        answer = site.test_client().post("/register", data=form)
        assert (answer.status_code, "too long" in answer.text) == (422, True)


def test_nul_characters_match_no_user_and_no_item(site: Flask, store: ReleaseStore) -> None:
    assert accounts.register("ann", "ann@example.com", PASSWORD)
    assert accounts.recognise("ann\0", PASSWORD) is None
    assert accounts.named("ann\0") is None
    assert catalogue.search("\0", 5, serving.titles) == []
    answer = site.test_client().post("/login", data={"username": "ann\0", "password": PASSWORD})
    assert answer.status_code == 422
    titles = [Title(1, "Space\0 Station", genres=("Sci\0-Fi",), description="\0"), *ITEMS[1:]]
    store.publish(tiny_release("20260102-000000-bbbb"), titles, no_parity_sample())
    store.promote("20260102-000000-bbbb")
    assert site.test_client().get("/ready").json["release"] == "20260102-000000-bbbb"
    db.session.rollback()  # this session may have begun before the catalogue was brought
    item = db.session.get_one(Item, 1)
    assert (item.title, item.genres, item.description) == ("Space Station", "Sci-Fi", "")


def test_token_names_are_case_sensitive(site: Flask) -> None:
    api_tokens.create("reader")
    api_tokens.create("Reader")
    assert api_tokens.revoke("READER") is False
    assert [token.name for token in api_tokens.every_token()] == ["reader", "Reader"]


def test_text_of_any_script_and_length_is_stored_unchanged(
    site: Flask, store: ReleaseStore
) -> None:
    long = "𝕏" * 40_000
    titles = [Title(1, EMOJI, description=long), *ITEMS[1:]]
    store.publish(tiny_release("20260102-000000-bbbb"), titles, no_parity_sample())
    store.promote("20260102-000000-bbbb")
    assert site.test_client().get("/ready").json["release"] == "20260102-000000-bbbb"
    item = db.session.get_one(Item, 1)
    assert item.title == EMOJI
    assert item.description == long[: catalogue.LONGEST_DESCRIPTION]
    ann = accounts.register(EMOJI, "ann@example.com", PASSWORD)
    done = Import(user_id=ann.id, imported_at=utcnow(), report={"file": EMOJI, "left": [1, None]})
    db.session.add(done)
    db.session.commit()
    db.session.expire_all()
    assert db.session.get_one(Import, done.id).report == {"file": EMOJI, "left": [1, None]}
    assert accounts.named(EMOJI).id == ann.id


def test_times_are_stored_to_the_microsecond_and_ratings_exactly(site: Flask) -> None:
    ann = accounts.add_person("F", 1990)
    given = ratings.rate(ann.id, 1, 3.5, ratings.Prediction(3.123456789012345, 1 / 3, "v"))
    db.session.expire_all()
    row = db.session.get_one(Rating, (ann.id, 1))
    assert row.rated_at == given
    assert (row.rating, row.predicted, row.community) == (3.5, 3.123456789012345, 1 / 3)
    assert row.is_implicit is False


def test_lists_have_the_same_order_on_every_database(site: Flask) -> None:
    ann = accounts.register("ann", "ann@example.com", PASSWORD)
    for item, stars in ((8, 4.0), (1, 4.0), (21, 5.0), (13, 0.5)):
        ratings.rate(ann.id, item, stars)
    assert [r.item.id for r in ratings.rated_items(ann.id, 10)] == [13, 21, 1, 8]
    assert [r.item.id for r in ratings.top_rated_items(ann.id, 3)] == [21, 1, 8]
    assert [item.id for item in catalogue.most_rated(9)] == [1, 8, 13, 2, 21, 3, 34, 5]
    assert [item.id for item in catalogue.popular(3)] == [1, 2, 3]
    assert [item.id for item in catalogue.popular(3, "Sci-Fi")] == [1, 2, 3]
    for name in ("Zoë", "ärger", "bob"):
        other = accounts.register(name, f"{name}@example.com", PASSWORD)
        friends.ask(ann, name)
        friends.agree(other, ann.id)
    assert [user.username for user in friends.agreed_with(ann.id)] == ["bob", "Zoë", "ärger"]


def test_database_search_finds_items_before_the_first_release(site: Flask) -> None:
    found = [item.id for item in catalogue._search_in_database("AMÉLIE", 5)]
    assert found == [8]
    assert catalogue._search_in_database("100%", 5) == []
    assert [item.id for item in catalogue._search_in_database("space", 5)] == [1, 2, 3, 5]


def test_upsert_updates_rows_and_keeps_newer_ones(site: Flask) -> None:
    ann, now = accounts.add_person(None, None), utcnow()

    def give(item: int, stars: float, ago: int, via: str) -> dict[str, Any]:
        at = now - timedelta(seconds=ago)
        return {"user_id": ann.id, "item_id": item, "rating": stars, "rated_at": at, "via": via}

    def stored() -> list[tuple[int, float, str]]:
        rows = select(Rating.item_id, Rating.rating, Rating.via).order_by(Rating.item_id)
        return [tuple(row) for row in db.session.execute(rows)]

    upsert(Rating, [give(1, 1, 9, "a"), give(2, 2, 9, "b")])
    upsert(Rating, [give(1, 3, 8, "c"), give(3, 3, 9, "d")], keep=["via"], newest_by="rated_at")
    assert stored() == [(1, 3, "a"), (2, 2, "b"), (3, 3, "d")]
    upsert(Rating, [give(1, 5, 20, "e"), give(2, 5, 7, "e")], newest_by="rated_at")
    assert stored() == [(1, 3, "a"), (2, 5, "e"), (3, 3, "d")]
    one = give(3, 1, 0, "f")
    upsert(Rating, [one], keep=one)
    assert stored() == [(1, 3, "a"), (2, 5, "e"), (3, 3, "d")]


def test_concurrent_ratings_of_one_item_keep_the_latest(site: Flask) -> None:
    ann = accounts.add_person(None, None).id
    stars = [n / 2 for n in range(1, 11)] * 6
    moments = at_once(
        site,
        *(lambda s=s: ratings.rate(ann, 1, s) for s in stars),
        *[lambda: user_lists.mark(ann, 1, user_lists.WATCHLIST)] * 10,
    )
    latest = max(range(len(stars)), key=lambda n: moments[n])
    assert ratings.ratings_of(ann) == {1: stars[latest]}
    assert user_lists.marks_of(ann) == {user_lists.WATCHLIST: {1}}


def test_concurrent_registrations_have_distinct_ids_and_unique_names(site: Flask) -> None:
    names = ["ann", "bob", "ann", "cat", "ANN", "dan"]
    made = at_once(
        site,
        *(
            lambda name=name: (
                (user := accounts.register(name, "x@example.com", PASSWORD)) and user.id
            )
            for name in names
        ),
    )
    ids = [user for user in made if user]
    assert len(ids) == len(set(ids)) == 4
    assert min(ids) > 20


def test_take_turn_succeeds_for_one_of_many_threads(site: Flask) -> None:
    turns = at_once(site, *[lambda: item_statistics.take_turn(timedelta(minutes=1))] * 12)
    assert turns.count(True) == 1


def test_concurrent_writers_in_opposite_order_all_succeed(site: Flask, store: ReleaseStore) -> None:
    """Ratings of many titles in opposite orders, while statistics and catalogue are updated."""
    people = [accounts.add_person(None, None).id for _ in range(THREADS - 2)]
    ids = [item.id for item in db.session.scalars(select(Item).order_by(Item.id))]
    release = store.read(store.current().version)

    @retry_on_conflict
    def store_all(rows: list[dict[str, Any]]) -> None:
        upsert(Rating, rows, newest_by="rated_at")
        db.session.commit()

    def rate_all(person: int) -> None:
        for round_ in range(5):
            rows = [
                {"user_id": p, "item_id": i, "rating": 1.0 + round_ % 5, "rated_at": utcnow()}
                for p in people
                for i in ids
            ]
            store_all(rows if person % 2 else rows[::-1])

    @retry_on_conflict
    def refresh_once() -> None:
        item_statistics.refresh(release)
        db.session.commit()

    def refresh() -> None:
        for _ in range(5):
            refresh_once()

    def sync() -> None:
        for _ in range(5):
            catalogue.sync_catalogue(release, again=True)

    at_once(site, *(lambda p=p: rate_all(p) for p in people), refresh, sync)
    assert db.session.scalar(select(func.count()).select_from(Rating)) == len(people) * len(ids)


def test_retry_on_conflict_retries_conflicts_and_nothing_else(site: Flask) -> None:
    def fail(times: int, code: object) -> list[int]:
        calls: list[int] = []

        @retry_on_conflict
        def write() -> None:
            calls.append(1)
            if len(calls) <= times:
                raise OperationalError("UPDATE", None, Exception(code, "Deadlock found"))

        if code == 1213 and times < TRIES:
            write()
        else:
            with pytest.raises(OperationalError):
                write()
        return calls

    assert len(fail(2, 1213)) == 3
    assert len(fail(99, 1213)) == TRIES
    assert len(fail(99, 2013)) == 1
