"""Concurrent actions on every database: one outcome, nothing partially stored, no 5xx."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.security import generate_password_hash

from app import create_app
from app.accounts import api_tokens
from app.accounts import service as accounts
from app.catalogue import items as catalogue
from app.catalogue.added_titles import API, NewTitle, Origin, add_title, merge_title
from app.extensions import db
from app.feedback import ratings
from app.group import friends
from app.models import (
    AddedTitle,
    Friendship,
    Import,
    Impression,
    Item,
    ListEntry,
    Rating,
    User,
    Visit,
)
from app.portability import open_lines
from app.portability.bulk_transfer import ImportCounts, find_rows, import_ratings
from app.portability.import_reports import MOST_REPORTS
from app.portability.import_undo import undo
from app.portability.imports import bring_in
from recommender.errors import ConfigError, StorageError
from recommender.storage.release_store import ReleaseStore
from recommender.storage.s3_release_store import open_store
from tests.support.api import Rest, client_with_token
from tests.support.databases import empty
from tests.support.datasets import write_csv
from tests.support.releases import FITTED, ITEMS, no_parity_sample, publish_tiny, tiny_release
from tests.support.site import PASSWORD, settings

pytest_plugins = ["tests.support.fixtures.s3"]
ROUNDS = 20
PATIENCE = 60
BROUGHT = b"userId,movieId,rating,timestamp\n" + b"".join(
    b"7,%d,4.5,1000000000\n" % item.item_id for item in FITTED
)


@pytest.fixture
def site(migrated_database: str, store: ReleaseStore) -> Iterator[Flask]:
    """A site that serves the tiny release, its titles in the database."""
    empty(migrated_database)
    publish_tiny(store)
    environ = {**settings(migrated_database, store.folder), "RATELIMIT_ENABLED": "False"}
    app = create_app(environ, TESTING=True, WTF_CSRF_ENABLED=False)
    app.test_client().get("/health")
    yield app
    with app.app_context():
        db.engine.dispose()


def race(app: Flask, *calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment, each in its own app context; return their results."""
    line = threading.Barrier(len(calls), timeout=PATIENCE)

    def run(call: Callable[[], Any]) -> Any:
        with app.app_context():
            db.session.connection()  # connect before the race
            db.session.rollback()
            line.wait()
            return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(run, call) for call in calls]]


def outcome(call: Callable[[], Any], *refusals: type[Exception]) -> Callable[[], Any]:
    """Wrap a call to return the exception if it is an expected rejection."""

    def tried() -> Any:
        try:
            return call()
        except refusals as refused:
            return refused

    return tried


def client_of(app: Flask, login: str | None) -> FlaskClient:
    """Return a client with that login, or a guest."""
    client = app.test_client()
    if login is not None:
        with client.session_transaction() as session:
            session["_user_id"] = login
    return client


def status_of(client: FlaskClient, address: str) -> int:
    return client.get(address).status_code


def poster(app: Flask, login: str | None = None) -> Callable[..., int]:
    """Return a function that sends a form in that session and returns the status."""
    client = client_of(app, login)

    def post(address: str, **form: Any) -> int:
        return client.post(address, data=form).status_code

    return post


def new_account(app: Flask, name: str) -> tuple[int, str]:
    """Create an account; return (id, login)."""
    with app.app_context():
        user = accounts.register(name, f"{name}@example.com", PASSWORD)
        assert user is not None
        return user.id, user.get_id()


def count_of(app: Flask, model: type[Any], *conditions: Any) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model).where(*conditions))


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hashing fast, because a slow hash would prevent the race."""

    def set_password(user: User, password: str) -> None:
        user.password_hash = generate_password_hash(password, method="pbkdf2:sha256:1")
        user.session_key = secrets.token_urlsafe(32)

    monkeypatch.setattr(User, "set_password", set_password)


def test_concurrent_registrations_of_one_name_create_one_account(site: Flask) -> None:
    for turn in range(ROUNDS):
        names = [f"bea{turn}", f"BEA{turn}", f"Bea{turn}", f"other{turn}"]
        form = {"password": PASSWORD, "confirm": PASSWORD}
        made = race(
            site,
            *(
                partial(poster(site), "/register", username=name, email=f"{name}@b.com", **form)
                for name in names
            ),
        )
        assert Counter(made[:3]) == {303: 1, 422: 2}
        assert made[3] == 303
    assert count_of(site, User) == 2 * ROUNDS


def test_concurrent_registrations_of_one_address_have_distinct_ids(site: Flask) -> None:
    """An address may have several accounts: see accounts.register."""
    form = {"email": "one@example.com", "password": PASSWORD, "confirm": PASSWORD}
    for turn in range(ROUNDS):
        names = [f"n{turn}x{n}" for n in range(3)]
        register = [partial(poster(site), "/register", username=name, **form) for name in names]
        made = race(site, *register)
        assert made == [303] * 3
    assert count_of(site, User, User.email == "one@example.com") == 3 * ROUNDS


def test_concurrent_ratings_keep_the_last_acknowledged_one(site: Flask) -> None:
    ann, key = new_account(site, "ann")
    senders = [poster(site, key) for _ in range(4)]
    for turn in range(ROUNDS):
        title = FITTED[turn % len(FITTED)].item_id
        page = f"/title/{title}/rating"
        given = zip(senders, (1, 2.5, 4, 5), strict=True)
        answers = race(site, *(partial(send, page, rating=f"{stars:g}") for send, stars in given))
        assert answers == [303] * 4
        assert senders[turn % 4](page, rating="3") == 303
        with site.app_context():
            assert ratings.ratings_of(ann)[title] == 3.0
        moments = race(
            site, *(lambda g=g, t=title: (ratings.rate(ann, t, g), g) for g in (0.5, 1.5, 4.5))
        )
        with site.app_context():
            assert ratings.ratings_of(ann)[title] == max(moments)[1]
    assert count_of(site, Rating) == len(FITTED)


def test_account_deletion_during_ratings_leaves_no_rows_and_causes_no_error(
    site: Flask,
) -> None:
    seen: Counter[int] = Counter()
    for turn in range(ROUNDS):
        person, key = new_account(site, f"ann{turn}")
        leave, *senders = [poster(site, key) for _ in range(4)]
        title = FITTED[turn % len(FITTED)].item_id
        come = client_of(site, key)
        answers = race(
            site,
            partial(leave, "/data/delete", password=PASSWORD),
            partial(senders[0], f"/title/{title}/rating", rating="4"),
            partial(senders[1], f"/title/{title}/watchlist"),
            partial(senders[2], f"/title/{title}/rating/delete"),
            partial(status_of, come, "/"),
        )
        assert set(answers) <= {200, 302, 303}, answers
        assert answers[0] == 303
        seen.update(answers)
        with site.app_context():
            accounts.delete_account(User(id=person))
        for model in (Rating, ListEntry, Impression, Visit):
            assert count_of(site, model, model.user_id == person) == 0
    assert count_of(site, User) == 0
    assert len(seen) > 1


def test_user_deletion_during_api_writes_leaves_no_rows(site: Flask) -> None:
    clients = [client_with_token(site, f"service {n}") for n in range(4)]
    for _ in range(ROUNDS):
        person = clients[0].answer("PUT", "/user", {"gender": None, "year_of_birth": None})
        address = f"/user/{person['user_id']}"
        answers = race(
            site,
            partial(clients[0], "DELETE", address),
            partial(clients[1], "PUT", f"{address}/rating", json={"movie_id": 1, "rating": 4}),
            partial(clients[2], "PUT", f"{address}/watched", json={"movie_id": 1}),
            partial(clients[3], "GET", f"{address}/recommendations"),
        )
        codes = [answer.status_code for answer in answers]
        assert codes[0] == 200
        assert set(codes) <= {200, 404}
    assert count_of(site, Rating) == count_of(site, User) == 0


def test_concurrent_uses_of_a_reset_link_succeed_once(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for turn in range(ROUNDS):
        with site.app_context():
            link = f"/reset/{accounts.reset_token(db.session.get_one(User, ann))}"
        passwords = [f"new password {turn} {n}" for n in range(3)]
        answers = race(
            site, *(partial(poster(site), link, password=p, confirm=p) for p in passwords)
        )
        assert Counter(answers) == {303: 1, 404: 2}
        with site.app_context():
            assert accounts.recognise("ann", passwords[answers.index(303)]).id == ann


def test_concurrent_token_creations_of_one_name_create_one_working_token(site: Flask) -> None:
    for turn in range(ROUNDS):
        made = race(site, *[outcome(lambda: api_tokens.create("reader"), ConfigError)] * 3)
        good = [secret for secret in made if isinstance(secret, str)]
        assert len(good) == 1
        with site.app_context():
            assert api_tokens.recognise(good[0]) is not None
        used = race(site, *[partial(use, site, good[0])] * 3)
        assert used == [200] * 3
        assert sorted(race(site, *[lambda: api_tokens.revoke("reader")] * 3)) == [
            False,
            False,
            True,
        ], turn


def use(app: Flask, secret: str) -> int:
    """Return the status of a request with a token."""
    return Rest(app.test_client(), secret)("GET", "/movies/top").status_code


def test_concurrent_friend_requests_in_both_directions_make_friends(site: Flask) -> None:
    (ann, _), (bob, _) = new_account(site, "ann"), new_account(site, "bob")
    for _ in range(ROUNDS):
        race(site, lambda: _ask(ann, "bob"), lambda: _ask(bob, "ann"))
        with site.app_context():
            assert [user.id for user in friends.agreed_with(ann)] == [bob]
            assert friends.asked_by(ann) == friends.asked_by(bob) == []
        assert count_of(site, Friendship) == 1
        race(site, *[lambda: friends.end(db.session.get_one(User, ann), bob)] * 2)


def test_concurrent_accept_and_withdraw_of_an_invitation_have_one_outcome(
    site: Flask,
) -> None:
    (ann, _), (bob, key) = new_account(site, "ann"), new_account(site, "bob")
    senders = [poster(site, key) for _ in range(2)]
    for _ in range(ROUNDS):
        with site.app_context():
            _ask(ann, "bob")
        answers = race(
            site,
            lambda: friends.end(db.session.get_one(User, ann), bob),
            *(lambda send=send: send(f"/group/{ann}/agree") for send in senders),
        )
        assert set(answers[1:]) <= {303, 404}
        assert count_of(site, Friendship) == 0 or answers == [None, 303, 303]
        with site.app_context():
            friends.end(db.session.get_one(User, ann), bob)


def test_concurrent_imports_of_a_file_store_each_rating_once(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for _ in range(ROUNDS // 2):
        done = race(site, *[lambda: bring_in(ann, "ratings.csv", BytesIO(BROUGHT), None).id] * 3)
        assert len(set(done)) == 3
        assert count_of(site, Rating) == len(FITTED)
        with site.app_context():
            for title in ratings.ratings_of(ann):
                ratings.unrate(ann, title)
    assert count_of(site, Import) == MOST_REPORTS < 3 * (ROUNDS // 2)


def test_rating_during_an_import_of_older_ratings_is_kept(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for _ in range(ROUNDS):
        race(
            site,
            lambda: bring_in(ann, "ratings.csv", BytesIO(BROUGHT), None) and None,
            lambda: ratings.rate(ann, 1, 0.5),
        )
        with site.app_context():
            assert ratings.ratings_of(ann)[1] == 0.5
            for title in ratings.ratings_of(ann):
                ratings.unrate(ann, title)


def test_rating_during_the_undo_of_an_import_is_kept(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for _ in range(ROUNDS):
        with site.app_context():
            done = bring_in(ann, "ratings.csv", BytesIO(BROUGHT), None).id
        race(site, partial(undo, ann, done), lambda: ratings.rate(ann, 1, 0.5))
        with site.app_context():
            assert ratings.ratings_of(ann) == {1: 0.5}
            ratings.unrate(ann, 1)


def test_concurrent_undos_of_an_import_happen_once(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    with site.app_context():
        done = bring_in(ann, "ratings.csv", BytesIO(BROUGHT), None).id
    undone = race(site, *[partial(undo, ann, done)] * 3)
    assert sorted(undone, key=repr) == [0, None, None]


def test_concurrent_choices_for_a_line_store_one_of_them(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for _ in range(ROUNDS):
        with site.app_context():
            bring_in(ann, "ratings.csv", BytesIO(b"Name,Year,Rating\nUnheard Of,1999,3\n"), None)
            (line,) = open_lines.unmatched_lines(ann, 10)
            key = line.key
        choices = [partial(open_lines.choose, ann, key, item, None) for item in (1, 2)]
        chosen = race(site, *choices)
        with site.app_context():
            assert open_lines.count_unmatched(ann) == 0
            stored = ratings.ratings_of(ann)
            assert list(stored.values()) == [3.0]
            assert sum(each is not None for each in chosen) == 1
            for title in stored:
                ratings.unrate(ann, title)


def test_concurrent_imports_of_a_data_set_store_it_once(
    site: Flask, store: ReleaseStore, tmp_path: Path
) -> None:
    rows = [(person, item.item_id, 4.0, 7) for person in range(1, 9) for item in FITTED]
    folder, release = write_csv(tmp_path / "ml", rows, {}), store.read(store.current().version)

    def bring() -> int:
        counts = ImportCounts()
        file, batches, _ = find_rows(folder, release, counts)
        list(import_ratings(file, batches, release, counts))
        return counts.ratings

    for _ in range(3):
        assert race(site, bring, bring) == [len(rows)] * 2
    assert count_of(site, Rating) == len(rows)
    assert count_of(site, User) == 8


def test_concurrent_catalogue_syncs_store_each_item_once(site: Flask, store: ReleaseStore) -> None:
    release = store.read(store.current().version)
    for _ in range(ROUNDS // 2):
        race(site, *[lambda: catalogue.sync_catalogue(release, again=True)] * 3)
    assert count_of(site, Item) == len(ITEMS)
    with site.app_context():
        assert accounts.add_person(None, None).id == release.catalogue.max_user_id + 1


VERSIONS = "20260102-000000-bbbb", "20260103-000000-cccc"


@pytest.fixture(params=["folder", "s3"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], ReleaseStore]:
    """A function that opens a store with two releases, in a folder or S3, like another process."""
    place = str(tmp_path / "shared")
    if request.param == "s3":
        place = f"{request.getfixturevalue('bucket')}/releases"

    def open_() -> ReleaseStore:
        return open_store(place, str(tmp_path / "cache"))

    for version in VERSIONS:
        open_().publish(tiny_release(version), ITEMS, no_parity_sample())
    open_().promote(VERSIONS[0])
    return open_


def test_concurrent_promotions_leave_one_intact_release_in_service(
    open_again: Callable[[], ReleaseStore],
) -> None:
    stores = [open_again() for _ in range(4)]
    for _ in range(ROUNDS // 5):
        line = threading.Barrier(len(stores), timeout=PATIENCE)

        def promote(store: ReleaseStore, version: str, line: threading.Barrier = line) -> Any:
            line.wait()
            return outcome(lambda: store.promote(version).version, StorageError)()

        with ThreadPoolExecutor(len(stores)) as pool:
            output = list(pool.map(promote, stores, [*VERSIONS, *VERSIONS]))
        assert set(output) & set(VERSIONS)
        current = open_again().current()
        assert current.version in output
        assert open_again().read(current.version).version == current.version
        assert current.previous in (*VERSIONS, None)


def _ask(person: int, name: str) -> bool:
    return friends.ask(db.session.get_one(User, person), name)


# Added titles


def test_title_that_several_add_at_once_is_added_once(site: Flask) -> None:
    for turn in range(ROUNDS):
        by_imdb = NewTitle("Anora", 2024, imdb_id=f"tt{turn + 9_000_000}", tmdb_id=turn + 1)
        by_tmdb = NewTitle("Anora", 2024, tmdb_id=turn + 1)
        adds = [partial(add_title, title, Origin(API)) for title in (by_imdb, by_tmdb, by_imdb)]
        added = race(site, *adds)
        assert len({item.id for item, _ in added}) == 1
        assert Counter(is_new for _, is_new in added) == {True: 1, False: 2}
    assert count_of(site, AddedTitle) == ROUNDS


def test_file_that_two_people_bring_at_once_brings_its_title_once(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    bob, _ = new_account(site, "bob")
    model = site.extensions["serving"].model
    lines = b"tmdbID,Title,Year,Rating\n1064213,Anora,2024,4.5\n"
    race(
        site, *(lambda by=by: bring_in(by, "x.csv", BytesIO(lines), model).id for by in (ann, bob))
    )
    assert (count_of(site, AddedTitle), count_of(site, Rating)) == (1, 2)


def test_rating_during_a_merge_is_not_lost(site: Flask) -> None:
    ann, _ = new_account(site, "ann")
    for turn in range(ROUNDS):
        with site.app_context():
            double = add_title(NewTitle(f"Double {turn}"), Origin(API))[0].id
            ratings.unrate(ann, 1)
        client = client_with_token(site, f"merges {turn}")
        body = {"movie_id": double, "rating": 4}
        _, answer = race(
            site,
            partial(merge_title, double, 1),
            partial(client, "PUT", f"/user/{ann}/rating", json=body),
        )
        assert answer.status_code == 200
        assert count_of(site, Rating, Rating.item_id.in_([1, double])) == 1
