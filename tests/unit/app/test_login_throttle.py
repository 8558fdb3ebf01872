"""Password attempts are limited by account and by address, and nobody is locked out by others."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from app import create_app
from app.accounts import login_throttle
from app.accounts import service as accounts
from app.db import clock
from app.extensions import db
from app.models import Attempt, User
from tests.support.cheap_hashing import STAND_IN
from tests.support.commands import run
from tests.support.logins import CHANGE, NEW, WRONG, ask, codes, log_in
from tests.support.site import PASSWORD, register


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    moment = clock.utcnow() + timedelta(minutes=minutes)
    monkeypatch.setattr(login_throttle, "utcnow", lambda: moment)


def test_login_is_throttled_after_wrong_passwords_and_says_how_long_to_wait(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    stranger = app.test_client()
    assert codes(stranger, 4) == [422, 422, 422, 429]
    answer = log_in(stranger, password=PASSWORD)
    assert answer.status_code == 429
    assert "Wait 15 minutes, then try once more." in answer.text
    assert "Marquee" in answer.text
    assert 890 < int(answer.headers["Retry-After"]) <= 900


def test_login_throttle_returns_json_to_scripts(app: Flask, three_guesses: None) -> None:
    stranger = app.test_client()
    codes(stranger, 3)
    answer = stranger.post(
        "/login",
        data={"username": "ann", "password": WRONG},
        headers={"Accept": "application/json"},
        environ_overrides={"REMOTE_ADDR": "192.0.2.1"},
    )
    assert (answer.status_code, answer.json["code"]) == (429, 429)
    assert "Wait 15 minutes" in answer.json["message"]
    assert answer.headers["Retry-After"]


def test_login_throttle_ends_after_its_period_despite_further_attempts(
    ann: FlaskClient, app: Flask, three_guesses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = app.test_client()
    codes(stranger, 3)
    later(monkeypatch, 14)
    assert codes(stranger, 5) == [429] * 5
    later(monkeypatch, 15.1)
    assert log_in(stranger, password=PASSWORD).status_code == 303


def test_login_throttle_ignores_successful_logins(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    for _ in range(5):
        assert log_in(app.test_client(), password=PASSWORD).status_code == 303
    with app.app_context():
        # Her registration, and the confirmation mail, which counts for two limits.
        assert len(db.session.scalars(select(Attempt)).all()) == 3


def test_login_response_is_the_same_when_name_is_unknown(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    known, unknown = (
        [log_in(app.test_client(), name) for _ in range(4)] for name in ("ann", "nobody")
    )
    assert [a.status_code for a in known] == [a.status_code for a in unknown]
    assert "Name and password do not go together." in known[0].text
    bare = [
        re.sub(r'value="[^"]*"|<code>.*?</code>', "", each[n].text)
        for each in (known, unknown)
        for n in (0, 3)
    ]
    assert (bare[0], bare[1]) == (bare[2], bare[3])


@pytest.mark.parametrize(("name", "hashes"), [("ann", 1), ("nobody", 1)])
@pytest.mark.parametrize("at", ["", "@example.com"])
def test_login_computes_as_many_hashes_when_name_is_unknown(
    ann: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, name: str, hashes: int, at: str
) -> None:
    checked: list[str] = []

    def check(stored: str, password: str) -> bool:
        checked.append(stored)
        return False

    monkeypatch.setattr(accounts, "check_password_hash", check)
    monkeypatch.setattr("app.models.accounts.check_password_hash", check)
    log_in(app.test_client(), name + at)
    assert len(checked) == (3 if at else hashes)


def test_dummy_hash_has_the_cost_of_a_password_hash() -> None:
    assert STAND_IN.split("$")[0] == generate_password_hash("x", method="scrypt").split("$")[0]


@pytest.mark.every_database
def test_login_throttle_does_not_lock_out_the_owner(
    ann: FlaskClient, app: Flask, three_guesses: None, caplog: pytest.LogCaptureFixture
) -> None:
    ann.post("/logout")
    codes(app.test_client(), 4)
    assert log_in(ann, password=PASSWORD).status_code == 303  # her device is trusted
    new = app.test_client()
    assert log_in(new, password=PASSWORD).status_code == 429
    (link,) = ask(new, "ann@example.com", caplog)
    new.post(link, data={"password": NEW, "confirm": NEW})
    assert log_in(new, password=NEW).status_code == 303  # she has the mailed link


def test_login_throttle_limits_a_trusted_device(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    ann.post("/logout")
    assert codes(ann, 4) == [422, 422, 422, 429]
    assert log_in(app.test_client(), password=PASSWORD).status_code == 303


def test_trusted_device_of_one_account_has_no_privilege_for_another(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    bob = app.test_client()
    register(bob, "bob")
    bob.post("/logout")
    assert codes(bob, 3) == [422] * 3
    assert codes(app.test_client(), 1) == [429]


def test_trusted_device_cookie_is_ignored_when_forged(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    stranger, tried = app.test_client(), []
    for forged in ("x", "WzIxLCJ4Il0.x.y", "a" * 4000, "[21, 5]"):
        stranger.set_cookie("device", forged)
        tried += codes(stranger, 1)
    assert tried == [422, 422, 422, 429]


def test_login_throttle_limits_one_address_across_names(ann: FlaskClient, app: Flask) -> None:
    app.config["RATELIMIT_PASSWORDS_ADDRESS"] = "3/hour"
    stranger = app.test_client()
    tried = [log_in(stranger, f"name{n}").status_code for n in range(4)]
    assert tried == [422, 422, 422, 429]
    assert log_in(stranger, password=PASSWORD, address="192.0.2.2").status_code == 303


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 429),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 422),
        ("::ffff:192.0.2.1", "192.0.2.1", 429),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", 422),
        ("unix:", "unix:", 429),
    ],
)
def test_login_throttle_counts_an_ipv6_network_as_one_address(
    app: Flask, first: str, second: str, code: int
) -> None:
    app.config["RATELIMIT_PASSWORDS_ADDRESS"] = "1/hour"
    assert log_in(app.test_client(), "one", address=first).status_code == 422
    assert log_in(app.test_client(), "two", address=second).status_code == code


def test_login_throttle_holds_for_concurrent_attempts(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    found: list[int] = []

    def guess() -> None:
        found.append(log_in(app.test_client()).status_code)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {422, 429}
    assert found.count(422) <= 3


def test_login_throttle_is_shared_between_processes(
    ann: FlaskClient, app: Flask, three_guesses: None, environ: dict[str, str]
) -> None:
    other = create_app(
        {**environ, "RATELIMIT_PASSWORDS": "3/15minutes"}, TESTING=True, WTF_CSRF_ENABLED=False
    )
    assert codes(app.test_client(), 2) + codes(other.test_client(), 2) == [422, 422, 422, 429]
    assert codes(app.test_client(), 1) == [429]
    with other.app_context():
        db.engine.dispose()


def test_login_throttle_limits_password_checks_within_a_session(
    ann: FlaskClient, app: Flask, three_guesses: None
) -> None:
    wrong = {**CHANGE, "present": WRONG}
    tried = [ann.post("/account", data=wrong).status_code for _ in range(2)]
    tried += [ann.post("/data/delete", data={"password": WRONG}).status_code for _ in range(2)]
    assert tried == [422, 422, 422, 429]
    assert ann.post("/data/delete", data={"password": PASSWORD}).status_code == 429
    assert ann.get("/account").status_code == 200


def test_registrations_are_limited_per_address(app: Flask) -> None:
    app.config["RATELIMIT_ACCOUNTS"] = "2/hour"
    for name in ("one", "two"):
        register(app.test_client(), name)
    form = {"username": "three", "email": "three@example.com"}
    password = {"password": PASSWORD, "confirm": PASSWORD}
    answer = app.test_client().post("/register", data={**form, **password})
    assert (answer.status_code, "Wait 60 minutes" in answer.text) == (429, True)
    with app.app_context():
        assert accounts.named("three") is None


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
def test_reset_mails_are_limited_per_mailbox_whether_or_not_it_is_registered(
    ann: FlaskClient, app: Flask, email: str
) -> None:
    app.config["RATELIMIT_RESET_MAIL"] = "2/hour"
    guest = app.test_client()
    asked = [guest.post("/forgotten", data={"email": email}).status_code for _ in range(3)]
    assert asked == [200, 200, 429]


def test_reset_mails_are_limited_per_client_address(app: Flask) -> None:
    app.config["RATELIMIT_RESET_MAIL_ADDRESS"] = "2/hour"
    guest = app.test_client()
    boxes = [f"{n}@example.com" for n in range(3)]
    asked = [guest.post("/forgotten", data={"email": box}).status_code for box in boxes]
    assert asked == [200, 200, 429]


@pytest.mark.every_database
def test_attempts_are_stored_as_hashes_and_deleted_when_expired(
    app: Flask, three_guesses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(app.test_client(), "my secret in the wrong box")
    with app.app_context():
        keys = db.session.scalars(select(Attempt.key)).all()
    assert len(keys) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    later(monkeypatch, 61)
    log_in(app.test_client(), "another", address="192.0.2.9")
    with app.app_context():
        left = db.session.scalars(select(Attempt.key)).all()
    assert len(left) == 2
    assert not set(left) & set(keys)


def test_login_throttle_is_off_when_disabled(app: Flask) -> None:
    app.config.update(RATELIMIT_PASSWORDS="1/hour", RATELIMIT_ENABLED=False)
    assert codes(app.test_client(), 3) == [422] * 3


# Logins and their end


@pytest.fixture
def remembered(ann: FlaskClient, app: Flask) -> FlaskClient:
    """Ann, with a remembered login."""
    client = app.test_client()
    form = {"username": "ann", "password": PASSWORD, "remember": "y"}
    assert client.post("/login", data=form).status_code == 303
    return client


def without_session(client: FlaskClient) -> FlaskClient:
    """Delete the session cookie, as when the browser is closed."""
    client.delete_cookie("session")
    return client


def stolen(app: Flask, client: FlaskClient, *names: str) -> FlaskClient:
    """Return a client with copies of another client's cookies."""
    thief = app.test_client()
    for name in names:
        cookie = client.get_cookie(name)
        assert cookie is not None
        thief.set_cookie(name, cookie.value)
    return thief


def test_remember_cookie_keeps_the_user_logged_in_without_session(remembered: FlaskClient) -> None:
    assert without_session(remembered).get("/").status_code == 200


def test_logout_deletes_the_remember_cookie(remembered: FlaskClient) -> None:
    remembered.post("/logout")
    assert remembered.get_cookie("remember_token") is None
    assert remembered.get("/").status_code == 302


@pytest.mark.every_database
@pytest.mark.parametrize("names", [("session",), ("remember_token",)])
def test_logout_invalidates_copied_cookies_and_keeps_other_logins(
    app: Flask, ann: FlaskClient, remembered: FlaskClient, names: tuple[str, ...]
) -> None:
    thief = stolen(app, remembered, *names)
    untouched = stolen(app, remembered, *names)
    assert untouched.get("/").status_code == 200
    remembered.post("/logout")
    assert thief.get("/").status_code == 302
    assert ann.get("/").status_code == 200


def test_end_logins_logs_the_account_out_everywhere(
    app: Flask, ann: FlaskClient, remembered: FlaskClient
) -> None:
    other = app.test_client()
    register(other, "other")
    assert run(app, "end-logins", "ANN") == (0, "ann is logged out everywhere\n")
    assert ann.get("/").status_code == 302
    assert without_session(remembered).get("/").status_code == 302
    assert other.get("/").status_code == 200
    assert log_in(ann, password=PASSWORD).status_code == 303
    assert run(app, "end-logins", "nobody")[0] == 2


def test_login_expires_after_90_days(
    app: Flask, ann: FlaskClient, remembered: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.accounts import login_sessions

    moment = clock.utcnow() + timedelta(days=90, seconds=2)
    monkeypatch.setattr(login_sessions, "utcnow", lambda: moment)
    assert ann.get("/").status_code == 302
    assert without_session(remembered).get("/").status_code == 302


def test_login_creates_a_new_session_each_time(ann: FlaskClient, app: Flask) -> None:
    names = set()
    for _ in range(2):
        client = app.test_client()
        log_in(client, password=PASSWORD)
        with client.session_transaction() as session:
            names.add(session["_user_id"])
    assert len(names) == 2


def test_session_is_rejected_when_forged(app: Flask, ann: FlaskClient) -> None:
    with app.app_context():
        key = db.session.get_one(User, 21).session_key
    for kept in (key, f"{key}.x", f"{key}.x.", f"{key}.x.-1", f"{key}.x.0", "", "..", "."):
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = kept
        assert client.get("/").status_code == 302, kept
