"""The maximum cost of a request to the account pages, for any input.

Times are processor time of the test's thread, so that other work on the machine does not count.
The limits are at least ten times the normal cost, and at most a tenth of what the same input cost
before it was limited.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from itsdangerous import url_safe
from werkzeug.datastructures import MultiDict

from app.accounts import service as accounts
from app.accounts.password_policy import is_easy_to_guess
from app.base.forms import ForgottenForm, LoginForm, PasswordForm, RegisterForm, ResetForm
from app.extensions import db
from app.group.forms import AskForm, GuestForm
from app.home.forms import RatingForm
from app.http import body_limits
from app.http.redirects import is_own
from app.models import MOST_HASHES, User
from app.mydata.forms import DeleteForm
from tests.support.site import PASSWORD

SECONDS = 1.0
# Each is the worst case of code that was replaced by linear code, or of a library.
MARKS = "a" + "\u0315\u0300" * 60_000 + "@example.com"
DIGITS_BETWEEN_LETTERS = "a" + "1" * 40_000 + "a"
HOSTILE = {
    "marks": MARKS,
    "digits": DIGITS_BETWEEN_LETTERS,
    "blanks": " " * 100_000 + "x",
    "at signs": "a@" * 50_000,
    "dots": "a@" + "." * 100_000 + "é",
    "expanding": "\ufdfa" * 50_000,
}


def thread_seconds(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def new_reset_form() -> ResetForm:
    return ResetForm(User(username="ann", email="ann@example.com"))


FORMS: tuple[Callable[[], FlaskForm], ...] = (
    *(RegisterForm, LoginForm, PasswordForm, ForgottenForm, new_reset_form),
    *(AskForm, GuestForm, RatingForm, DeleteForm),
)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("new_form", FORMS, ids=lambda form: form.__name__)
def test_form_is_cheap_when_every_field_is_oversized(
    app: Flask, ann: FlaskClient, new_form: Callable[[], FlaskForm], text: str
) -> None:
    """Even if no body limit applies before."""
    with app.test_request_context("/", method="POST"):
        names = [field.name for field in new_form()]
        request.form = MultiDict(dict.fromkeys(names, text))  # type: ignore[assignment]

        def validate() -> None:
            assert not new_form().validate()

        assert thread_seconds(validate) < SECONDS


def test_register_is_cheap_when_a_password_fills_the_body(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "ACCOUNT_BYTES", 100_000)  # only the validators are tested
    client.get("/register")  # loads data that is read once
    form = {"username": "bea", "email": "bea@example.com", "password": "a" + "1" * 31_000 + "a"}

    def send() -> None:
        assert client.post("/register", data=form).status_code == 422

    assert thread_seconds(send) < SECONDS


def test_is_easy_to_guess_takes_linear_time() -> None:
    is_easy_to_guess("")  # reads the list of common passwords
    assert thread_seconds(lambda: is_easy_to_guess(DIGITS_BETWEEN_LETTERS)) < SECONDS


def test_named_is_cheap_when_the_name_is_oversized(app: Flask) -> None:
    with app.app_context():
        assert thread_seconds(lambda: accounts.named(MARKS)) < SECONDS


@pytest.mark.parametrize("character", ["/", "\\", "\u0315\u0300", "?", "%2f"])
def test_is_own_is_cheap_when_the_target_is_oversized(character: str) -> None:
    assert thread_seconds(lambda: is_own("/" + character * 500_000)) < SECONDS
    assert is_own("/" + character * 500_000) is False


def test_pages_do_not_repeat_an_oversized_url_in_each_form(ann: FlaskClient) -> None:
    short, long = ann.get("/popular"), ann.get("/popular?x=" + "y" * 3_900)
    assert "yyyy" not in long.text
    assert short.text.count('name="next"') > 5
    assert len(long.text) < len(short.text) + 1_000
    assert 'value="/popular?genre=Comedy"' in ann.get("/popular?genre=Comedy").text


def test_login_redirect_omits_next_when_the_url_is_oversized(
    client: FlaskClient,
) -> None:
    assert client.get("/search?q=" + "y" * 3_900).location == "/login?next=/"
    page = client.get("/login?next=/" + "y" * 3_900)
    assert "yyyy" not in page.text


def test_session_keeps_at_most_ten_flashed_messages(client: FlaskClient) -> None:
    for _ in range(30):
        client.get("/ratings")
    with client.session_transaction() as session:
        assert len(session["_flashes"]) == 10


# About the maximum length of a cookie; a leading dot marks it as compressed.
FORGED = "eJzT" * 950


def unpacked_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the sizes of data that itsdangerous decompresses from now on."""
    sizes: list[int] = []

    def decompress(data: bytes) -> bytes:
        sizes.append(len(data))
        return zlib.decompress(data)

    monkeypatch.setattr(
        url_safe, "zlib", SimpleNamespace(decompress=decompress, compress=zlib.compress)
    )
    return sizes


@pytest.mark.parametrize("cookie", ["session", "device", "remember_token"])
def test_forged_cookie_is_not_decompressed(
    app: Flask, monkeypatch: pytest.MonkeyPatch, cookie: str
) -> None:
    unpacked = unpacked_bytes(monkeypatch)
    client = app.test_client()
    client.set_cookie(cookie, f".{FORGED}.aw2IoQ.x")
    form = {"username": "nobody", "password": PASSWORD}

    def send() -> None:
        assert client.post("/login", data=form).status_code == 422

    assert thread_seconds(send) < SECONDS
    assert max(unpacked, default=0) < len(FORGED) / 2


@pytest.mark.parametrize("path", ["/reset/", "/confirm/"])
def test_forged_link_is_not_decompressed(
    ann: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    unpacked = unpacked_bytes(monkeypatch)
    link = f"{path}.{FORGED}.aw2IoQ.x"
    assert thread_seconds(lambda: ann.get(link)) < SECONDS
    assert ann.get(link).status_code == 404
    assert max(unpacked, default=0) < len(FORGED) / 2


@pytest.mark.parametrize(
    ("path", "most"), [("/login", 3), ("/register", 1), ("/account", 2), ("/data/delete", 1)]
)
def test_request_computes_at_most_three_password_hashes(
    ann: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, path: str, most: int
) -> None:
    hashed: list[str] = []

    def generate(password: str, method: str) -> str:
        hashed.append(password)
        return "x"

    def compare(_stored: str, password: str) -> bool:
        hashed.append(password)
        return path == "/account"

    monkeypatch.setattr("app.models.accounts.generate_password_hash", generate)
    monkeypatch.setattr("app.models.accounts.check_password_hash", compare)
    monkeypatch.setattr("app.accounts.service.check_password_hash", compare)
    with app.app_context():
        for n in range(5):
            user = User(id=100 + n, username=f"a{n}", username_key=f"a{n}", email="a@example.com")
            db.session.add(user)
            accounts.confirm_address(user)
    form = {"username": "a@example.com" if path == "/login" else "eve", "present": PASSWORD}
    form |= {"email": "e@example.com", "password": "another good one"}
    client = ann if path in ("/account", "/data/delete") else app.test_client()
    client.post(path, data={**form, "confirm": "another good one"})
    assert len(hashed) == most


@pytest.mark.parametrize("unit", ["a/b,", "a/b;q=0.1,", ";a=b"])
def test_error_page_is_cheap_when_the_accept_header_is_oversized(
    client: FlaskClient, unit: str
) -> None:
    headers = {"Accept": f"a/b{unit * 500_000}"}

    def send() -> None:
        assert client.get("/nothing", headers=headers).status_code == 404

    assert thread_seconds(send) < SECONDS / 2


def test_password_hashes_run_with_bounded_concurrency(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def compare(_stored: str, _password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return False

    monkeypatch.setattr("app.models.accounts.check_password_hash", compare)
    monkeypatch.setattr("app.accounts.service.check_password_hash", compare)

    def log_in() -> None:
        form = {"username": "nobody", "password": PASSWORD}
        assert app.test_client().post("/login", data=form).status_code == 422

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(log_in) for _ in range(6)]:
            done.result()
    assert most == MOST_HASHES
