"""Registering, logging in and out, and the redirects."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.accounts import service as accounts
from app.extensions import db
from app.http.redirects import is_own
from app.models import FIRST_ID_WITHOUT_CATALOGUE, User
from tests.support.site import PASSWORD, register

GOOD = {
    "username": "bea",
    "email": "bea@example.com",
    "password": PASSWORD,
    "confirm": PASSWORD,
}


def user(app: Flask, name: str) -> User:
    with app.app_context():
        return db.session.scalars(select(User).where(User.username == name)).one()


@pytest.mark.parametrize("page", ["/", "/search?q=space", "/popular", "/ratings"])
def test_pages_redirect_guests_to_login(client: FlaskClient, page: str) -> None:
    answer = client.get(page)
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=")


def test_register_logs_the_new_user_in(client: FlaskClient) -> None:
    answer = client.post("/register", data=GOOD)
    assert (answer.status_code, answer.location) == (303, "/welcome")
    assert client.get("/").status_code == 200


def test_register_assigns_the_first_id_after_the_data_set(app: Flask) -> None:
    register(app.test_client(), "ann")
    register(app.test_client(), "bob")
    assert (user(app, "ann").id, user(app, "bob").id) == (21, 22)


def test_register_never_reuses_the_id_of_a_deleted_user(app: Flask) -> None:
    register(app.test_client(), "ann")
    with app.app_context():
        db.session.delete(db.session.get(User, 21))
        db.session.commit()
    register(app.test_client(), "bob")
    assert user(app, "bob").id == 22


def test_register_assigns_ids_above_any_data_set_when_there_is_no_catalogue(
    closed_app: Flask,
) -> None:
    register(closed_app.test_client(), "early")
    assert user(closed_app, "early").id > FIRST_ID_WITHOUT_CATALOGUE


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"username": ""}, "Choose a name"),
        ({"username": "a"}, "Between 2 and 64"),
        ({"username": "x" * 65}, "Between 2 and 64"),
        ({"username": "<script>"}, "Letters, digits"),
        ({"email": "nobody"}, "does not look like an email"),
        ({"password": "short", "confirm": "short"}, "Between 8 and 128"),
        ({"password": "x" * 129, "confirm": "x" * 129}, "Between 8 and 128"),
        ({"confirm": "another one"}, "passwords differ"),
    ],
)
def test_register_shows_errors_and_keeps_other_fields_when_form_is_invalid(
    client: FlaskClient, change: dict[str, str], complaint: str
) -> None:
    answer = client.post("/register", data={**GOOD, **change})
    assert answer.status_code == 422
    assert complaint in answer.text
    kept = change.get("email", GOOD["email"])
    assert f'value="{kept}"' in answer.text


def test_register_rejects_a_taken_name_in_other_case(app: Flask, ann: FlaskClient) -> None:
    taken = {**GOOD, "username": "ANN"}
    answer = app.test_client().post("/register", data=taken)
    assert answer.status_code == 422
    assert "taken" in answer.text


def test_register_response_is_the_same_when_address_is_registered(
    app: Flask, ann: FlaskClient
) -> None:
    unknown = app.test_client().post("/register", data=GOOD)
    known = app.test_client().post(
        "/register", data={**GOOD, "username": "cat", "email": "Ann@Example.com"}
    )
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    cat = app.test_client()
    login = cat.post("/login", data={"username": "ann@example.com", "password": PASSWORD})
    assert login.status_code == 303
    assert "Account of ann" in cat.get("/").text


@pytest.mark.parametrize("name", ["ann", "ANN", " ann ", "ann@example.com", "Ann@Example.COM"])
def test_login_accepts_name_or_address(app: Flask, ann: FlaskClient, name: str) -> None:
    client = app.test_client()
    answer = client.post("/login", data={"username": name, "password": PASSWORD})
    assert answer.status_code == 303
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong password"), ("nobody", PASSWORD), ("ann", "")]
)
def test_login_error_is_the_same_for_wrong_name_and_wrong_password(
    app: Flask, ann: FlaskClient, name: str, password: str
) -> None:
    client = app.test_client()
    answer = client.post("/login", data={"username": name, "password": password})
    assert answer.status_code == 422
    assert client.get("/").status_code == 302
    if password:
        assert "Name and password do not go together." in answer.text


def test_login_rejects_users_of_the_data_set(app: Flask) -> None:
    with app.app_context():
        db.session.add(User(id=7))
        db.session.commit()
        assert accounts.recognise("", "") is None
    client = app.test_client()
    assert client.post("/login", data={"username": "7", "password": ""}).status_code == 422


@pytest.mark.real_hashes
def test_password_is_stored_as_scrypt_hash(app: Flask, ann: FlaskClient) -> None:
    stored = user(app, "ann").password_hash
    assert stored is not None
    assert stored.startswith("scrypt:")
    assert PASSWORD not in stored


def test_logout_ends_the_session(ann: FlaskClient) -> None:
    assert ann.get("/logout").status_code == 405
    assert ann.post("/logout").status_code == 302
    assert ann.get("/").status_code == 302


def test_set_password_ends_every_session(app: Flask, ann: FlaskClient) -> None:
    with app.app_context():
        db.session.get(User, 21).set_password("another good one")
        db.session.commit()
    assert ann.get("/").status_code == 302


def test_login_clears_the_guest_session(app: Flask, ann: FlaskClient) -> None:
    client = app.test_client()
    with client.session_transaction() as session:
        session["planted"] = "by someone else"
    client.post("/login", data={"username": "ann", "password": PASSWORD})
    with client.session_transaction() as session:
        assert "planted" not in session


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("/ratings", True),
        ("/search?q=a%20b", True),
        ("/", True),
        ("", False),
        ("ratings", False),
        ("//evil.example", False),
        ("///evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("https:evil.example", False),
        ("https://evil.example", False),
        ("/\t/evil.example", False),
        ("/a\r\nSet-Cookie: x=y", False),
        ("javascript:alert(1)", False),
    ],
)
def test_login_redirects_to_own_pages_only(
    app: Flask, ann: FlaskClient, target: str, own: bool
) -> None:
    assert is_own(target) is own
    answer = app.test_client().post(
        "/login", query_string={"next": target}, data={"username": "ann", "password": PASSWORD}
    )
    assert answer.location == (target if own else "/")


def test_login_next_is_not_set_by_a_form_of_a_guest(client: FlaskClient) -> None:
    answer = client.post("/title/1/rating", data={"rating": "4"})
    assert answer.location == "/login"


def test_forms_are_rejected_without_csrf_token(app: Flask, environ: dict[str, str]) -> None:
    strict = create_app(environ, TESTING=True).test_client()
    for form in ("/login", "/register", "/logout", "/title/1/rating", "/title/1/rating/delete"):
        answer = strict.post(form, data=GOOD)
        assert answer.status_code == 400, form
        assert "gone stale" in answer.text


def test_register_creates_one_account_when_same_name_is_sent_concurrently(app: Flask) -> None:
    statuses = []

    def sign_up() -> None:
        statuses.append(app.test_client().post("/register", data=GOOD).status_code)

    threads = [threading.Thread(target=sign_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 422, 422, 422]


@pytest.mark.parametrize("cookie", ["1|é", "é", "|", "1|" + "0" * 128, "\x00|\xff"])
def test_remember_cookie_is_ignored_when_forged(app: Flask, ann: FlaskClient, cookie: str) -> None:
    client = app.test_client()
    client.set_cookie("remember_token", cookie)
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (302, "/login?next=/")
