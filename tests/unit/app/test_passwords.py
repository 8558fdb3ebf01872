"""Accepted passwords: long enough, not too long, and not easy to guess."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.password_policy import LONGEST, is_easy_to_guess
from tests.support.logins import CHANGE, ask
from tests.support.site import PASSWORD

SAID = "Others would try this one first"


@pytest.mark.parametrize(
    "password",
    [
        *("password", "PASSWORD", "12345678", "qwertyuiop", "iloveyou", "baseball"),
        *("Password1!", "123baseball", "!!Sunshine2024", "marquee2026", "Marquee!"),
        *("ann.example", "ann@example.com", "anneliese", "Anneliese1990"),
    ],
)
def test_is_easy_to_guess_finds_common_and_personal_passwords(password: str) -> None:
    assert is_easy_to_guess(password, ["Anneliese", "ann@example.com", "ann.example", None])


@pytest.mark.parametrize(
    "password",
    [
        *(PASSWORD, "an even better one", "password of my own garden", "tr4v3l1ing-k1te"),
        *("8472-a-938475", "ünïcödé päss", "        x        ", "我的密码是一只猫在屋顶", ""),
    ],
)
def test_is_easy_to_guess_accepts_other_passwords(password: str) -> None:
    assert not is_easy_to_guess(password, ["Ann", "ann@example.com"])


def test_register_rejects_easy_passwords(client: FlaskClient) -> None:
    form = {"username": "bea smith", "email": "bea@example.com"}
    for password in ("password1", "BeaSmith1", "bea@example.com"):
        answer = client.post("/register", data={**form, "password": password, "confirm": password})
        assert (answer.status_code, SAID in answer.text) == (422, True)


def test_change_and_reset_reject_easy_passwords(
    app: Flask, ann: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    easy = {"password": "ann@example.com", "confirm": "ann@example.com"}
    changed = ann.post("/account", data={**CHANGE, **easy})
    assert (changed.status_code, SAID in changed.text) == (422, True)
    guest = app.test_client()
    (link,) = ask(guest, "ann@example.com", caplog)
    reset = guest.post(link, data=easy)
    assert (reset.status_code, SAID in reset.text) == (422, True)
    form = {"username": "ann", "password": PASSWORD}
    assert app.test_client().post("/login", data=form).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/register", "/account", "/data/delete"])
def test_passwords_over_the_maximum_length_are_not_hashed(
    ann: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def hashed(*_: object, **__: object) -> str:
        raise AssertionError("this costs as much as the sender likes")

    for name in ("check_password_hash", "generate_password_hash"):
        monkeypatch.setattr(f"app.models.accounts.{name}", hashed)
    monkeypatch.setattr("app.accounts.service.check_password_hash", hashed)
    long = "x" * (LONGEST + 1)
    form = {"username": "eve", "email": "eve@example.com", "present": long}
    client = app.test_client() if path in ("/login", "/register") else ann
    answer = client.post(path, data={**form, "password": long, "confirm": long})
    assert answer.status_code == 422


def test_every_character_of_a_password_is_significant(app: Flask) -> None:
    password = "  Käse und Brot auf dem Dach, " + "x" * 90
    form = {"username": "eve", "email": "eve@example.com"}
    made = app.test_client().post(
        "/register", data={**form, "password": password, "confirm": password}
    )
    assert made.status_code == 303
    for output, code in ((password, 303), (password.strip(), 422), (password[:-1], 422)):
        login = {"username": "eve", "password": output}
        assert app.test_client().post("/login", data=login).status_code == code
