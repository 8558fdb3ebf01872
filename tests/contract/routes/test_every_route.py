"""Rules for every route, taken from the URL map, so that none can be forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import create_app
from app.accounts import service as accounts
from app.extensions import db
from app.http.security_headers import ALWAYS
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest, client_with_token
from tests.support.releases import publish_tiny
from tests.support.routes import OF_NOBODY, OF_SOMEONE, address, is_api, looks, rows
from tests.support.site import PASSWORD, register, settings

SAFE = {"GET", "HEAD", "OPTIONS"}
EXTRA = {
    **{"id": "7", "user_id": "7", "role": "owner", "is_owner": "1", "password_hash": "x"},
    **{"session_key": "x", "email": "new@example.com", "created_at": "2000-01-01"},
    **{"email_confirmed_at": "2000-01-01"},
    **{"from_data_set": "1", "predicted": "5", "community": "5", "is_implicit": "1"},
    **{"agreed_at": "2000-01-01", "reset_asked_at": "2000-01-01", "rated_at": "2000-01-01"},
}


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Ann (21) and Bob (22) are friends; Ann imported a file, rated, and marked items."""
    folder = tmp_path_factory.mktemp("every-route")
    database = Path(shutil.copy(migrated, folder / "site.db"))
    publish_tiny(ReleaseStore(folder / "releases"))
    app = create_app(settings(database, folder / "releases"), TESTING=True, WTF_CSRF_ENABLED=False)
    ann, bob = app.test_client(), app.test_client()
    register(ann, "ann")
    register(bob, "bob")
    ann.post("/title/1/rating", data={"rating": "4"})
    ann.post("/title/2/hidden")
    ann.post("/group/ask", data={"name": "bob"})
    bob.post("/group/21/agree")
    upload = {"file": (BytesIO(b"movieId,rating\n8,5\n"), "ratings.csv")}
    assert ann.post("/data/import", data=upload).location == "/data/imports/1"
    yield app
    with app.app_context():
        db.engine.dispose()


def someone(app: Flask, name: str) -> FlaskClient:
    """Return a logged-in client; register the user if needed."""
    client = app.test_client()
    answer = client.post("/login", data={"username": name, "password": PASSWORD})
    if answer.status_code != 303:
        register(client, name)
    return client


def changes(app: Flask) -> Iterator[tuple[str, str, Rule]]:
    """Yield (method, path, rule) of every route that may change something."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - SAFE):
            yield method, address(rule), rule


def test_every_route_argument_is_classified_by_owner(site: Flask) -> None:
    arguments = {name for rule in site.url_map.iter_rules() for name in rule.arguments}
    assert arguments == OF_NOBODY.keys() | OF_SOMEONE.keys()


@pytest.fixture
def strict(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Require form tokens from now on; earlier logins needed none."""
    monkeypatch.setitem(site.config, "WTF_CSRF_ENABLED", True)


@pytest.fixture
def ann(site: Flask) -> FlaskClient:
    return someone(site, "ann")


def test_changes_are_rejected_without_csrf_token(
    site: Flask, ann: FlaskClient, strict: None
) -> None:
    before = rows(site)
    walked = [each for each in changes(site) if not is_api(each[2])]
    assert len(walked) > 15
    for method, path, _ in walked:
        for sent in ({}, {"csrf_token": "made up"}):
            answer = ann.open(path, method=method, data=sent)
            assert answer.status_code == 400, (method, path, answer.status_code)
            assert "gone stale" in answer.text, (method, path)
    assert rows(site) == before


def test_csrf_token_of_another_session_is_rejected(site: Flask, strict: None) -> None:
    theirs = site.test_client().get("/login").text.split('name="csrf_token"')[1].split('"')
    token = next(part for part in theirs if len(part) > 40)
    sent = {"csrf_token": token, "username": "ann", "password": PASSWORD}
    answer = site.test_client().post("/login", data=sent)
    assert (answer.status_code, "gone stale" in answer.text) == (400, True)


def test_api_changes_are_rejected_with_a_session_in_place_of_a_token(
    site: Flask, ann: FlaskClient
) -> None:
    before = rows(site)
    walked = [each for each in changes(site) if is_api(each[2])]
    assert len(walked) > 5
    for method, path, _ in walked:
        answer = ann.open(path, method=method, json={})
        assert answer.status_code == 401, (method, path)
    assert rows(site) == before


def test_get_requests_change_nothing(site: Flask, ann: FlaskClient) -> None:
    rest = client_with_token(site, "who looks")
    before = rows(site, "tokens")
    for path, rule in looks(site):
        rest("GET", f"/{path}") if is_api(rule) else ann.get(path).close()
    assert rows(site, "tokens") == before


def test_routes_deny_access_to_data_of_other_users(site: Flask) -> None:
    """Eve, logged in and with her own token, requests every URL that names an object of Ann."""
    eve = someone(site, "eve")
    with site.app_context():
        user = accounts.named("eve")
        assert user is not None
        hers = client_with_token(site, "eve's", user.id)
    before = rows(site, "tokens")
    walked = [rule for rule in site.url_map.iter_rules() if rule.arguments & OF_SOMEONE.keys()]
    assert len(walked) > 15
    for rule in walked:
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            answer = _as_eve(eve, hers, method, rule)
            output = (method, address(rule), answer.status_code)
            if is_api(rule):
                assert answer.status_code in (403, 422), output
            elif method == "GET":
                assert answer.status_code == 404, output
            else:
                assert answer.status_code in (303, 404), output
            assert "Space Station" not in answer.text, output
            assert "ann@" not in answer.text, output
    assert rows(site, "tokens") == before


def _as_eve(eve: FlaskClient, hers: Rest, method: str, rule: Rule) -> TestResponse:
    if is_api(rule):
        body = {} if method == "GET" else {"json": {"movie_id": 1, "rating": 1}}
        return hers(method, f"/{address(rule)}", **body)
    return eve.open(address(rule), method=method)


def test_routes_show_guests_no_data_of_users(site: Flask) -> None:
    open_to_all = {"base", "docs", "status", "static", "bootstrap"}
    guest = site.test_client()
    for path, rule in looks(site):
        if rule.endpoint.split(".")[0] in open_to_all or rule.endpoint == "home.poster":
            continue
        answer = guest.get(path)
        assert answer.status_code in (302, 401), (path, answer.status_code)


def test_owner_pages_are_403_for_other_users(site: Flask, ann: FlaskClient) -> None:
    walked = [path for path, rule in looks(site) if rule.endpoint.startswith("owner.")]
    assert len(walked) > 3
    for path in walked:
        assert ann.get(path).status_code == 403, path


def test_unknown_form_fields_change_nothing(site: Flask) -> None:
    bob = someone(site, "bob")
    form = {"username": "dan", "email": "dan@example.com"}
    password = {"password": PASSWORD, "confirm": PASSWORD}
    dan = site.test_client().post("/register", data={**EXTRA, **form, **password})
    assert dan.status_code == 303
    before = rows(site)
    for _, path, rule in changes(site):
        if not is_api(rule) and "user_id" not in rule.arguments:
            sent = {"rating": "3", "name": "nobody", "csrf_token": "x"}
            if path not in ("/register", "/logout"):
                bob.post(path, data={**EXTRA, **sent}).close()
    after = rows(site)
    assert after["users"] == before["users"]
    mine = [row for row in after["ratings"] if row not in before["ratings"]]
    assert {row[0] for row in mine} <= {22}
    with site.app_context():
        users = db.session.execute(db.text("SELECT role, from_data_set FROM users")).all()
        assert {tuple(row) for row in users} == {("person", 0)}
        rated = db.session.execute(db.text("SELECT is_implicit FROM ratings")).all()
        assert {row[0] for row in rated} == {0}


# Headers

POLICY_OF_THEIR_OWN = {"docs.page", "owner.report"}


@pytest.fixture(scope="module")
def answers(site: Flask) -> list[tuple[Rule, TestResponse]]:
    """The response of every route to a logged-in user, or with a token."""
    ann, rest = someone(site, "ann"), client_with_token(site, "a service")
    found = []
    for path, rule in looks(site):
        answer = rest("GET", f"/{path}") if is_api(rule) else ann.get(path)
        found.append((rule, answer))
        answer.close()
    return found


def test_every_response_has_the_security_headers(
    answers: list[tuple[Rule, TestResponse]],
) -> None:
    assert ALWAYS.keys() == {
        *("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy"),
        *("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"),
    }
    for rule, answer in answers:
        for name, value in ALWAYS.items():
            assert answer.headers.getlist(name) == [value], (rule.rule, name)


def test_content_security_policy_never_allows_inline_code(
    answers: list[tuple[Rule, TestResponse]],
) -> None:
    for rule, answer in answers:
        (policy,) = answer.headers.getlist("Content-Security-Policy")
        allowed = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert allowed["default-src"] == "'none'", rule.rule
        assert "unsafe" not in allowed.get("script-src", ""), rule.rule
        if rule.endpoint not in POLICY_OF_THEIR_OWN:
            assert "unsafe" not in policy, rule.rule
            assert allowed["base-uri"] == allowed["frame-ancestors"] == "'none'", rule.rule
            assert allowed["form-action"] == "'self'", rule.rule


def test_responses_are_no_store_unless_public(answers: list[tuple[Rule, TestResponse]]) -> None:
    for rule, answer in answers:
        output = answer.headers["Cache-Control"]
        public = rule.endpoint.endswith("static") or rule.endpoint == "home.poster"
        if public and answer.status_code == 200:
            assert output != "no-store", rule.rule
            assert "Set-Cookie" not in answer.headers, rule.rule
        else:
            assert output == "no-store", (rule.rule, output)


def test_text_responses_declare_utf_8(answers: list[tuple[Rule, TestResponse]]) -> None:
    for rule, answer in answers:
        if answer.mimetype.startswith("text/"):
            assert answer.mimetype_params["charset"] == "utf-8", rule.rule


def test_trace_method_is_405(site: Flask, ann: FlaskClient) -> None:
    for path, rule in looks(site):
        if not is_api(rule):
            assert ann.open(path, method="TRACE").status_code == 405, path


def test_error_responses_have_the_security_headers(site: Flask, strict: None) -> None:
    client = site.test_client()
    for answer in (client.get("/nothing"), client.post("/login"), client.get("/api/v1/nothing")):
        assert answer.status_code >= 400
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Permissions-Policy"] == ALWAYS["Permissions-Policy"]
