"""Addresses count only when confirmed; password attempts count for the account they target."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app import create_app
from app.accounts import service as accounts
from app.extensions import db
from tests.support.logins import NEW, ask, codes, log_in
from tests.support.site import PASSWORD, confirm_address

ADDRESS = "bea@example.com"


def sign_up(app: Flask, name: str, email: str = ADDRESS, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    form = {"username": name, "email": email, "password": password, "confirm": password}
    assert client.post("/register", data=form).status_code == 303
    return client


def links(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the paths of the mailed confirmation links."""
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    texts = [record.getMessage() for record in records]
    return [path for text in texts for path in re.findall(r"/confirm/\S+", text)]


def letters(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if text.startswith("mail to ")]


def is_confirmed(app: Flask, name: str) -> bool:
    with app.app_context():
        user = accounts.named(name)
        assert user is not None
        return user.email_confirmed_at is not None


@pytest.fixture
def bea(app: Flask, caplog: pytest.LogCaptureFixture) -> FlaskClient:
    """Someone who has not confirmed her address."""
    caplog.set_level(logging.WARNING)
    return sign_up(app, "bea")


# Confirming


@pytest.mark.every_database
def test_confirm_confirms_the_address_when_its_account_is_logged_in(
    app: Flask, bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    (link,) = links(caplog)
    assert "We mailed you a link" in bea.get("/").text
    assert "not confirmed yet" in bea.get("/account").text
    assert ADDRESS in bea.get(link).text
    assert not is_confirmed(app, "bea")  # GET changes nothing
    assert bea.post(link).location == "/account"
    assert is_confirmed(app, "bea")
    assert "Your address is confirmed" in bea.get("/account").text
    assert log_in(app.test_client(), ADDRESS, PASSWORD).status_code == 303


def test_confirm_asks_to_log_in_when_nobody_is(
    app: Flask, bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    (link,) = links(caplog)
    guest = app.test_client()
    assert guest.post(link).location == "/login"
    answer = guest.get(link)
    assert answer.location.startswith("/login?next=/confirm/")
    form = {"username": "bea", "password": PASSWORD}
    assert guest.post(answer.location, data=form).location == link


def test_confirm_refuses_a_link_that_was_mailed_for_another_account(
    app: Flask, ann: FlaskClient, bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who registers a stranger's address cannot make the stranger confirm it."""
    of_bea = links(caplog)[-1]
    for answer in (ann.get(of_bea), ann.post(of_bea)):
        assert answer.status_code == 404
        assert "logged in as ann" in answer.text
    assert not is_confirmed(app, "bea")


def test_confirm_refuses_a_link_when_it_is_old_forged_or_for_another_address(
    app: Flask, bea: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        user = accounts.named("bea")
        assert user is not None
        token, reset = accounts.confirmation_token(user), accounts.reset_token(user)
        assert accounts.is_confirmation_of(user, token)
        assert not accounts.is_confirmation_of(user, reset)
        assert not accounts.is_confirmation_of(user, token[:-1])
        assert accounts.user_of_token(token) is None
        monkeypatch.setattr(accounts, "CONFIRM_WITHIN", timedelta(seconds=-2))
        assert not accounts.is_confirmation_of(user, token)
        monkeypatch.undo()
        user.email = "other@example.com"
        assert not accounts.is_confirmation_of(user, token)


def test_confirmation_mail_contains_no_text_from_the_registration(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    sign_up(app, "Your parcel waits")
    (letter,) = letters(caplog)
    assert letter.startswith(f"mail to {ADDRESS}: ")
    assert "parcel" not in letter


def test_confirmation_link_does_not_contain_the_address(
    bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    (link,) = links(caplog)
    _, payload = URLSafeTimedSerializer("not our key").loads_unsafe(link.rpartition("/")[2])
    assert ADDRESS not in str(payload)


def test_account_page_sends_the_link_again_until_the_address_is_confirmed(
    app: Flask, bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert bea.post("/account/confirmation").status_code == 303
    first, second = links(caplog)
    assert bea.post(second).status_code == 303
    assert bea.post(first).status_code == 303
    caplog.clear()
    bea.post("/account/confirmation")
    assert letters(caplog) == []


def test_confirmation_mails_are_limited_per_mailbox_and_registration_still_works(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["RATELIMIT_RESET_MAIL"] = "2/hour"
    caplog.set_level(logging.WARNING)
    people = [sign_up(app, f"n{n}") for n in range(4)]
    assert len(letters(caplog)) == 2
    assert people[3].post("/account/confirmation").status_code == 429
    caplog.clear()
    confirm_address(app, "n0")
    assert len(ask(app.test_client(), ADDRESS, caplog)) == 1  # reset links are counted separately


def test_confirmation_mails_are_limited_per_client_address(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["RATELIMIT_RESET_MAIL_ADDRESS"] = "2/hour"
    caplog.set_level(logging.WARNING)
    for n in range(4):
        sign_up(app, f"n{n}", f"n{n}@example.com")
    assert len(letters(caplog)) == 2


def test_register_succeeds_when_mail_fails(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.config["MAIL"] = "smtp://127.0.0.1:1"
    assert sign_up(app, "bea").get("/account").status_code == 200


def test_account_page_says_to_log_in_by_name_when_site_has_no_mail(environ: dict[str, str]) -> None:
    silent = create_app({**environ, "DEBUG": "False"}, TESTING=True, WTF_CSRF_ENABLED=False)
    silent.config.update(SESSION_COOKIE_SECURE=False)
    bea = sign_up(silent, "bea")
    assert "you log in by your name" in bea.get("/account").text
    assert bea.post("/account/confirmation").status_code == 303
    assert log_in(silent.test_client(), "bea", PASSWORD).status_code == 303
    with silent.app_context():
        db.engine.dispose()


def test_export_contains_the_time_of_confirmation(app: Flask, bea: FlaskClient) -> None:
    assert bea.get("/data/export.json").json["account"]["email_confirmed_at"] is None
    confirm_address(app, "bea")
    assert bea.get("/data/export.json").json["account"]["email_confirmed_at"].startswith("20")


# Unconfirmed addresses


def test_login_rejects_an_unconfirmed_address(app: Flask, bea: FlaskClient) -> None:
    assert log_in(app.test_client(), ADDRESS, PASSWORD).status_code == 422
    assert log_in(app.test_client(), "bea", PASSWORD).status_code == 303


def test_forgotten_sends_no_link_to_an_unconfirmed_address(
    app: Flask, bea: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(app.test_client(), ADDRESS, caplog) == []
    assert letters(caplog) == []


@pytest.mark.every_database
def test_login_by_address_works_for_the_owner_when_others_registered_it_first(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten older accounts have the same address as hers."""
    for n in range(10):
        sign_up(app, f"squatter{n}", password=f"my own garden {n}")
    sign_up(app, "bea")
    confirm_address(app, "bea")
    assert log_in(app.test_client(), ADDRESS, PASSWORD).status_code == 303
    assert len(ask(app.test_client(), ADDRESS, caplog)) == 1
    (letter,) = letters(caplog)
    assert "For bea:" in letter
    assert "squatter" not in letter


def test_reset_link_goes_to_the_stored_address_when_another_one_folds_to_it(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Both addresses fold to the same text, but may belong to two people."""
    sign_up(app, "bea", "gross@example.com")
    confirm_address(app, "bea")
    assert len(ask(app.test_client(), "groß@example.com", caplog)) == 1
    (letter,) = letters(caplog)
    assert letter.startswith("mail to gross@example.com: ")


# Password attempts are counted for the account they target


def test_login_throttle_counts_per_account_for_any_spelling_of_the_name(
    app: Flask,
    ann: FlaskClient,
    three_guesses: None,
) -> None:
    stranger = app.test_client()
    typed = ("ann", "ANN", "ann@example.com", "Ann@Example.com", "ann")
    guesses = [log_in(stranger, name).status_code for name in typed]
    assert guesses == [422, 422, 422, 429, 429]


def test_login_throttle_ignores_devices_of_other_accounts_of_the_address(
    app: Flask,
    ann: FlaskClient,
    three_guesses: None,
) -> None:
    """Five accounts of the attacker with her address, each with a trusted device."""
    squatters = [sign_up(app, f"squatter{n}", "ann@example.com") for n in range(5)]
    for client in squatters:
        client.post("/logout")
    guesses = [code for client in squatters for code in codes(client, 3, name="ann@example.com")]
    assert guesses.count(422) == 3


def test_login_throttle_counts_a_trusted_device_separately_for_its_own_account_only(
    app: Flask,
    three_guesses: None,
) -> None:
    """Two accounts for which one person confirmed the same address."""
    bea = sign_up(app, "bea")
    sign_up(app, "cat", password=NEW)
    for name in ("bea", "cat"):
        confirm_address(app, name)
    bea.post("/logout")
    codes(app.test_client(), 3, name="bea")
    assert codes(app.test_client(), 1, name="bea") == [429]
    assert log_in(bea, "bea", PASSWORD).status_code == 303
    bea.post("/logout")
    assert codes(bea, 3, name="cat") == [422] * 3
    assert codes(app.test_client(), 1, name="cat") == [429]


def test_recognise_computes_as_many_hashes_when_address_is_unconfirmed(
    app: Flask, bea: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def check(stored: str, _password: str) -> bool:
        checked.append(stored)
        return False

    monkeypatch.setattr(accounts, "check_password_hash", check)
    monkeypatch.setattr("app.models.accounts.check_password_hash", check)
    counts = []
    for name in (ADDRESS, "nobody@example.com", "bea", "nobody"):
        checked.clear()
        with app.app_context():
            accounts.recognise(name, "not the password")
        counts.append(len(checked))
    assert counts == [3, 3, 1, 1]
