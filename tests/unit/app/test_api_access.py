"""Named scenarios of authorization, each on every row; tokens and their commands."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.accounts import api_tokens
from app.api import access
from app.db import clock
from app.extensions import db
from app.models import Token
from tests.support.api import BASE, Rest, client_with_token, people, stored
from tests.support.commands import run

RATING = {"movie_id": 1, "rating": 4}
MOVIE = {"movie_id": 1}
# Operations on a user, and operations without a user.
OF_SOMEONE: list[tuple[str, str, Any]] = [
    ("GET", "/user/{}", None),
    ("GET", "/user/{}/ratings/top", None),
    ("GET", "/user/{}/ratings/latest", None),
    ("PUT", "/user/{}/rating", RATING),
    ("DELETE", "/user/{}/rating", MOVIE),
    ("PUT", "/user/{}/watched", MOVIE),
    ("DELETE", "/user/{}/watched", MOVIE),
    ("GET", "/user/{}/recommendations", None),
    ("GET", "/user/{}/estimate/1", None),
    ("GET", "/user/{}/because/1", None),
    ("GET", "//recommendations?user_id={}", None),
    ("GET", "//features?user_id={}", None),
    ("POST", "/recommendations/batch", {"requests": [{"user_id": "{}"}]}),
    ("DELETE", "/user/{}", None),
]
OF_NOBODY: list[tuple[str, str, Any]] = [
    ("GET", "/movie/1", None),
    ("GET", "/movies/top", None),
    ("GET", "/movie/1/similar", None),
    ("GET", "/search?q=space", None),
    ("POST", "/recommendations/batch", {"requests": [{"ratings": [RATING]}]}),
]
OF_SERVICES: list[tuple[str, str, Any]] = [
    ("PUT", "/user", {"gender": "F", "year_of_birth": 1990}),
    # One that is here: a new one is answered with 201.
    ("PUT", "/movie", {"title": "Space Station", "imdb_id": "tt0000001"}),
]


def call(rest: Rest, row: tuple[str, str, Any], user: int) -> Any:
    method, path, body = row
    if body and "requests" in body:
        requests = [{"user_id": user} if "user_id" in each else each for each in body["requests"]]
        body = {"requests": requests}
    how = {} if body is None else {"json": body}
    return rest(method, path.format(user), **how)


def with_header(app: Flask, value: str) -> Rest:
    client = Rest(app.test_client(), None)
    client._headers = {"Authorization": value}
    return client


def ended(app: Flask, **values: Any) -> Rest:
    """A client with a token that is no longer valid."""
    client = client_with_token(app, "ended")
    with app.app_context():
        db.session.execute(update(Token).where(Token.name == "ended").values(**values))
        db.session.commit()
    return client


def clients(app: Flask, owner: int, other: int) -> dict[str, tuple[Rest, int, int, int]]:
    """Return, by scenario, the client and its expected statuses.

    These are for operations on the token's user, without a user, and for services only.
    """
    now = clock.utcnow()
    return {
        "no token": (Rest(app.test_client(), None), 401, 401, 401),
        "empty": (with_header(app, "Bearer "), 401, 401, 401),
        "not a bearer": (with_header(app, "Basic YTpi"), 401, 401, 401),
        "unknown": (Rest(app.test_client(), "marquee_guessed"), 401, 401, 401),
        "very long": (Rest(app.test_client(), "x" * 100_000), 401, 401, 401),
        "not ASCII": (with_header(app, "Bearer \xe9\xff"), 401, 401, 401),
        "expired": (ended(app, expires_at=now - timedelta(seconds=1)), 401, 401, 401),
        "revoked": (ended_again(app, now), 401, 401, 401),
        "someone else's": (client_with_token(app, "other's", other), 403, 200, 403),
        "the owner's": (client_with_token(app, "owner's", owner), 200, 200, 403),
        "a service's": (client_with_token(app, "another service"), 200, 200, 200),
    }


def ended_again(app: Flask, now: Any) -> Rest:
    with app.app_context():
        db.session.execute(update(Token).where(Token.name == "ended").values(name="expired"))
        db.session.commit()
    return ended(app, revoked_at=now)


SCENARIOS = (
    "no token", "empty", "not a bearer", "unknown", "very long", "not ASCII", "expired",
    "revoked", "someone else's", "the owner's", "a service's",
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_access_of_every_operation_matches_its_scenario(
    app: Flask, rest: Rest, someone: int, scenario: str
) -> None:
    other = rest.answer("PUT", "/user", {"gender": "M", "year_of_birth": 1970})["user_id"]
    found = clients(app, someone, other)
    assert set(found) == set(SCENARIOS)
    client, *expected = found[scenario]
    for rows, code in zip((OF_NOBODY, OF_SERVICES, OF_SOMEONE), _order(expected), strict=True):
        for row in rows:
            answer = call(client, row, someone)
            assert answer.status_code == code, (row, answer.text)
            if code != 200:
                assert answer.json.keys() == {"code", "message"}
            if code == 401:
                assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    if 200 not in expected[:1]:
        assert {someone, other} <= set(people(app))
        assert stored(app) == []


def _order(expected: list[int]) -> list[int]:
    """Move operations on the token's user to the end, because the last one deletes the user."""
    of_owner, of_nobody, of_services = expected
    return [of_nobody, of_services, of_owner]


def test_access_scenarios_cover_every_documented_operation(app: Flask, rest: Rest) -> None:
    rows = {(m, p.split("?")[0]) for m, p, _ in OF_SOMEONE + OF_NOBODY + OF_SERVICES}
    covered = {
        (method, path[1:] if path.startswith("//") else BASE + path) for method, path in rows
    }
    documented = {
        (method.upper(), path.replace("{user_id}", "{}").replace("{movie_id}", "1"))
        for path, operations in rest("GET", "/openapi.json").json["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert covered == documented


@pytest.mark.every_database
def test_personal_token_gets_403_whether_or_not_the_other_user_exists(
    app: Flask, rest: Rest, someone: int
) -> None:
    hers = client_with_token(app, "hers", someone)
    assert hers("GET", "/user/999").status_code == 403
    mixed = {"requests": [{"user_id": someone}, {"user_id": 999}]}
    assert hers("POST", "/recommendations/batch", json=mixed).status_code == 403


def test_api_rejects_a_session_without_token(app: Flask, ann: Any) -> None:
    assert ann.get(f"{BASE}/movies/top").status_code == 401
    body = {"gender": None, "year_of_birth": None}
    assert ann.put(f"{BASE}/user", json=body).status_code == 401


@pytest.mark.parametrize("shown", ["Basic é", "Basic Og==", "Bearer é", "Bearer", "Digest a=é", ""])
def test_api_rejects_invalid_authorization_headers(app: Flask, shown: str) -> None:
    header = {"HTTP_AUTHORIZATION": shown.encode().decode("latin-1")}
    answer = app.test_client().get(f"{BASE}/movie/1", environ_overrides=header)
    assert answer.status_code == 401


def test_token_needs_no_csrf_token_and_does_not_log_in_on_the_site(
    closed_app: Flask, app: Flask
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    rest = client_with_token(app, "service")
    assert rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"] == 21
    assert rest("GET", "//ratings").status_code == 302


def test_openapi_document_and_docs_page_are_public(app: Flask) -> None:
    client = app.test_client()
    assert client.get(f"{BASE}/openapi.json").status_code == 200
    assert client.get(f"{BASE}/docs").status_code == 200


# Tokens


def test_create_token_prints_the_token_on_its_last_line(app: Flask) -> None:
    status, output = run(app, "create-token", "--name", "shop")
    secret = output.splitlines()[-1]
    assert status == 0
    assert secret.startswith("marquee_")
    assert Rest(app.test_client(), secret)("GET", "/movies/top").status_code == 200


def test_create_token_stores_only_a_hash_of_the_secret(app: Flask) -> None:
    with app.app_context():
        secret = api_tokens.create("shop")
        (row,) = db.session.execute(select(Token.__table__)).all()
    assert secret not in str(row)
    assert secret.removeprefix("marquee_") not in str(row)


@pytest.mark.every_database
def test_create_token_finds_the_user_by_name_or_id(app: Flask, ann: Any) -> None:
    for number, whom in enumerate(("ann", "ANN", "21")):
        assert run(app, "create-token", "--name", f"t{number}", "--user", whom)[0] == 0
    assert "t2\tuser 21\tlast used never\tgood" in run(app, "list-tokens")[1]


@pytest.mark.parametrize("whom", ["nobody", "999", "9" * 40, ""])
def test_create_token_is_rejected_when_user_does_not_exist(app: Flask, whom: str) -> None:
    status, output = run(app, "create-token", "--name", "t", "--user", whom)
    assert status == 2
    assert output == f"error: there is no user {whom!r}\n"


@pytest.mark.parametrize("days", ["0", "-1", "x", "1000000"])
def test_create_token_rejects_an_invalid_number_of_days(app: Flask, days: str) -> None:
    assert run(app, "create-token", "--name", "t", "--expires", days)[0] == 2


@pytest.mark.parametrize("name", ["", "x" * 65, "a\tb"])
def test_create_token_rejects_a_name_that_cannot_be_printed(app: Flask, name: str) -> None:
    assert run(app, "create-token", "--name", name)[0] == 2


def test_token_is_rejected_after_its_expiry(
    app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = run(app, "create-token", "--name", "short", "--expires", "2")[1].splitlines()[-1]
    client = Rest(app.test_client(), secret)
    assert client("GET", "/movies/top").status_code == 200
    monkeypatch.setattr(api_tokens, "utcnow", lambda: clock.utcnow() + timedelta(days=2))
    assert client("GET", "/movies/top").status_code == 401
    assert "short\tanyone" in run(app, "list-tokens")[1]
    assert run(app, "list-tokens")[1].splitlines()[-1].endswith("ended")


@pytest.mark.every_database
def test_revoke_token_takes_effect_at_once_and_frees_the_name(app: Flask) -> None:
    client = client_with_token(app, "shop")
    assert run(app, "create-token", "--name", "shop")[0] == 2
    assert client("GET", "/movies/top").status_code == 200
    assert run(app, "revoke-token", "shop") == (0, "'shop' is revoked\n")
    assert client("GET", "/movies/top").status_code == 401
    assert run(app, "revoke-token", "shop")[0] == 2
    assert run(app, "create-token", "--name", "shop")[0] == 0
    assert client("GET", "/movies/top").status_code == 401


def test_token_last_use_is_stored_at_intervals(
    app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_used() -> Any:
        with app.app_context():
            return db.session.scalars(select(Token.last_used_at)).one()

    assert last_used() is None
    rest("GET", "/movies/top")
    first = last_used()
    assert clock.utcnow() - first < timedelta(minutes=1)
    rest("GET", "/movies/top")
    assert last_used() == first
    monkeypatch.setattr(api_tokens, "utcnow", lambda: clock.utcnow() + timedelta(minutes=6))
    let_seconds_pass(monkeypatch, 6 * 60)
    rest("GET", "/movies/top")
    assert last_used() > first


def let_seconds_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(api_tokens, "monotonic", lambda: time.monotonic() + seconds)


def test_token_that_another_process_revoked_is_refused_five_seconds_later(
    app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rest("GET", "/movies/top").status_code == 200
    with app.app_context():
        db.session.execute(update(Token).values(revoked_at=clock.utcnow()))
        db.session.commit()
    assert rest("GET", "/movies/top").status_code == 200
    let_seconds_pass(monkeypatch, 5)
    assert rest("GET", "/movies/top").status_code == 401


@pytest.mark.every_database
def test_personal_token_is_deleted_with_its_user(app: Flask, rest: Rest, someone: int) -> None:
    hers = client_with_token(app, "hers", someone)
    assert hers("DELETE", f"/user/{someone}").status_code == 200
    assert hers("GET", "/movies/top").status_code == 401
    assert "hers" not in run(app, "list-tokens")[1]


# How often


def limited(app: Flask, **limits: str) -> None:
    app.config.update(RATELIMIT_ADDRESS="100/minute", **limits)


def test_token_rate_limit_is_enforced_and_sent_in_headers(app: Flask, someone: int) -> None:
    limited(app, RATELIMIT_PERSONAL_TOKEN="3/minute")
    hers = client_with_token(app, "hers", someone)
    rows = ["/movies/top", "/movie/1", "/movies/top", "/movie/1"]
    answers = [hers("GET", row) for row in rows]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["X-RateLimit-Remaining"] for a in answers[:3]] == ["2", "1", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "3"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json == {"code": 429, "message": "3 per 1 minute"}


def test_token_rate_limit_is_counted_per_token_and_higher_for_services(
    app: Flask, someone: int
) -> None:
    limited(app, RATELIMIT_PERSONAL_TOKEN="1/minute", RATELIMIT_SERVICE_TOKEN="2/minute")
    hers, again = (client_with_token(app, name, someone) for name in ("hers", "hers again"))
    service = client_with_token(app, "another")
    assert [hers("GET", "/movie/1").status_code for _ in range(2)] == [200, 429]
    assert again("GET", "/movie/1").status_code == 200
    assert [service("GET", "/movie/1").status_code for _ in range(3)] == [200, 200, 429]


def test_rate_limit_counts_invalid_tokens_by_address(app: Flask) -> None:
    app.config["RATELIMIT_ADDRESS"] = "2/minute"
    service = client_with_token(app, "a service")
    for number, code in enumerate((401, 401, 429)):
        assert Rest(app.test_client(), f"guess {number}")("GET", "/movie/1").status_code == code
    assert service("GET", "/movie/1").status_code == 200
    elsewhere = Rest(app.test_client(), "guess")
    moved = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}
    assert elsewhere("GET", "/movie/1", **moved).status_code == 401


def test_rate_limits_are_off_when_disabled(environ: dict[str, str]) -> None:
    from app import create_app

    app = create_app({**environ, "RATELIMIT_ENABLED": "False"}, TESTING=True)
    limited(app, RATELIMIT_SERVICE_TOKEN="1/minute")
    rest = client_with_token(app, "service")
    answers = [rest("GET", "/movies/top") for _ in range(3)]
    assert [a.status_code for a in answers] == [200] * 3
    assert "X-RateLimit-Limit" not in answers[0].headers
    with app.app_context():
        db.engine.dispose()


def test_rate_limit_uses_the_address_that_the_last_proxy_saw(environ: dict[str, str]) -> None:
    from app import create_app

    app = create_app({**environ, "PROXIES": "1", "RATELIMIT_ADDRESS": "1/minute"}, TESTING=True)
    guest = Rest(app.test_client(), None)
    for forwarded, code in (("192.0.2.1", 401), ("192.0.2.2", 401), ("192.0.2.1", 429)):
        answer = guest("GET", "/movie/1", headers={"X-Forwarded-For": f"6.6.6.6, {forwarded}"})
        assert answer.status_code == code
    with app.app_context():
        db.engine.dispose()


def test_token_is_read_every_five_seconds(
    rest: Rest, count_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest("GET", "/movies/top")
    recorded = count_queries()

    def reads() -> int:
        rest("GET", "/movies/top")
        return len([statement for statement in recorded if "FROM tokens" in statement])

    assert reads() == 0
    let_seconds_pass(monkeypatch, 5)
    assert [reads(), reads()] == [1, 1]
    assert access.limiter.enabled
