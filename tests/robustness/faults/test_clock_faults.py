"""The clock is set back: data stored, signed or counted before causes no errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests

from app.accounts import login_throttle
from app.catalogue import item_statistics
from app.db import clock
from app.http.rate_limit_storage import ProcessMemory
from tests.support.api import Rest, client_with_token, stored

pytestmark = pytest.mark.faults

HOUR = 3600.0
Move = Callable[[float], None]


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Move:
    """A function that sets the clock forward or back by seconds from the true time."""
    true = time.time

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + seconds)

    return set_clock


def test_utcnow_follows_the_system_clock(move: Move) -> None:
    move(-HOUR)
    assert clock.utcnow().timestamp() == pytest.approx(time.time(), abs=5)


def test_later_than_returns_a_time_after_the_previous_one() -> None:
    now = clock.utcnow()
    ahead, behind = now + timedelta(hours=1), now - timedelta(hours=1)
    assert clock.later_than(None, now) == now
    assert clock.later_than(behind, now) == now
    assert clock.later_than(now, now) == now + timedelta.resolution
    assert clock.later_than(ahead, now) == ahead + timedelta.resolution


@pytest.mark.parametrize(("minutes", "recent"), [(-10, False), (-9, True), (9, True), (10, False)])
def test_is_recent_is_false_beyond_the_period_in_both_directions(
    minutes: int, recent: bool
) -> None:
    now = clock.utcnow()
    moment = now + timedelta(minutes=minutes)
    assert clock.is_recent(moment, now, timedelta(minutes=10)) is recent


def test_rating_replaces_an_earlier_one_when_clock_was_set_back(
    app: Flask, rest: Rest, someone: int, move: Move
) -> None:
    for back, stars in ((0, 5), (-HOUR, 1), (-2 * HOUR, 3)):
        move(back)
        rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": stars})
        assert stored(app) == [(someone, 1, float(stars), False)]


def is_logged_in(client: FlaskClient) -> bool:
    answer = client.get("/account")
    assert answer.status_code == 200 or "/login" in answer.location
    return answer.status_code == 200


def test_session_stays_logged_in_when_clock_is_set_back(ann: FlaskClient, move: Move) -> None:
    for seconds in (-HOUR, 0, HOUR):
        move(seconds)
        assert is_logged_in(ann)


def test_session_expires_after_its_lifetime(app: Flask, ann: FlaskClient, move: Move) -> None:
    move(app.permanent_session_lifetime.total_seconds() + HOUR)
    assert not is_logged_in(ann)


def test_forged_session_is_rejected_when_clock_was_set_back(ann: FlaskClient, move: Move) -> None:
    move(-HOUR)
    cookie = ann.get_cookie("session")
    assert cookie
    ann.set_cookie("session", "x" + cookie.value)
    assert not is_logged_in(ann)


def test_api_token_is_accepted_when_clock_was_set_back(app: Flask, move: Move) -> None:
    rest = client_with_token(app, "service")
    assert rest("GET", "/movie/1").status_code == 200
    move(-HOUR)
    assert rest("GET", "/movie/1").status_code == 200


def test_login_throttle_resets_when_clock_was_set_back(app: Flask, move: Move) -> None:
    app.config["RATELIMIT_PASSWORDS"] = "2/15minutes"
    with app.test_request_context():
        for seconds in (0, -HOUR):
            move(seconds)
            for _ in range(2):
                login_throttle.record_attempts((login_throttle.PASSWORDS, "ann"))
            with pytest.raises(TooManyRequests):
                login_throttle.record_attempts((login_throttle.PASSWORDS, "ann"))


def test_rate_limit_starts_a_new_window_when_clock_was_set_back(move: Move) -> None:
    counted = ProcessMemory()
    assert [counted.incr("ann", 60) for _ in range(3)] == [1, 2, 3]
    move(-HOUR)
    assert [counted.incr("ann", 60) for _ in range(3)] == [1, 2, 3]
    assert counted.get_expiry("ann") == pytest.approx(time.time() + 60, abs=5)


def test_item_statistics_are_refreshed_when_clock_was_set_back(app: Flask, move: Move) -> None:
    period = timedelta(minutes=10)
    with app.app_context():
        assert item_statistics.take_turn(period)
        move(-HOUR)
        assert item_statistics.take_turn(period)
        assert not item_statistics.take_turn(period)


def test_reset_mail_is_sent_when_clock_was_set_back(
    app: Flask, ann: FlaskClient, move: Move, caplog: pytest.LogCaptureFixture
) -> None:
    for back in (0, -HOUR):
        move(back)
        caplog.clear()
        app.test_client().post("/forgotten", data={"email": "ann@example.com"})
        assert "/reset/" in caplog.text
