"""Rules for every page: error pages, headers, and text for screen readers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import template_helpers
from app.db.clock import utcnow
from app.extensions import db

JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("path", ["/nothing-here", "/user/abc", "/title/abc"])
def test_404_page_has_the_site_layout(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Nothing is shown at this address" in answer.text
    assert "Marquee" in answer.text
    assert "manually" not in answer.text


def test_403_page_has_the_site_layout(own_app: Flask) -> None:
    from werkzeug.exceptions import Forbidden

    @own_app.get("/forbidden")
    def forbidden() -> None:
        raise Forbidden

    answer = own_app.test_client().get("/forbidden")
    assert answer.status_code == 403
    assert "not yours to open" in answer.text


def test_500_page_is_shown_when_the_database_fails(app: Flask, ann: FlaskClient) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context():
        db.drop_all()
    answer = ann.get("/")
    assert answer.status_code == 500
    assert "projector broke down" in answer.text
    assert "Traceback" not in answer.text
    assert ann.get("/", headers=JSON).json["code"] == 500


@pytest.mark.parametrize(("path", "code"), [("/nothing-here", 404), ("/logout", 405)])
def test_errors_are_json_with_code_and_message_for_scripts(
    client: FlaskClient, path: str, code: int
) -> None:
    answer = client.get(path, headers=JSON)
    assert answer.status_code == code
    assert answer.json.keys() == {"code", "message"}
    assert answer.json["code"] == code


def test_405_response_lists_the_allowed_methods(client: FlaskClient) -> None:
    assert "POST" in client.get("/logout").headers["Allow"]


@pytest.mark.parametrize(
    ("header", "content"),
    [
        ("Content-Security-Policy", "default-src 'none'"),
        ("Content-Security-Policy", "frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/nothing-here", "/static/site.css", "/ready"])
def test_every_response_has_the_security_headers(
    client: FlaskClient, path: str, header: str, content: str
) -> None:
    with client.get(path) as answer:
        assert content in answer.headers[header]


def test_pages_load_nothing_external_and_have_no_inline_script(ann: FlaskClient) -> None:
    for path in ("/", "/popular", "/ratings", "/search?q=space", "/nothing-here"):
        page = ann.get(path).text
        assert 'src="http' not in page
        assert "<link" not in page.replace('<link rel="stylesheet" href="/', "").replace(
            '<link rel="icon" href="/', ""
        )
        assert "<script>" not in page
        assert " style=" not in page
        assert " onclick=" not in page


def test_session_cookie_is_http_only(client: FlaskClient) -> None:
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    ("stars", "output"),
    [
        (0.5, "half a star"),
        (1.0, "one star"),
        (1.5, "one and a half stars"),
        (3.5, "three and a half stars"),
        (5.0, "five stars"),
    ],
)
def test_stars_in_words_spells_out_stars(stars: float, output: str) -> None:
    assert template_helpers.stars_in_words(stars) == output


@pytest.mark.parametrize(
    ("seconds", "output"),
    [(5, "just now"), (70, "1 min ago"), (7_300, "2 h ago"), (90_000, "1 d ago")],
)
def test_ago_uses_the_largest_unit(seconds: int, output: str) -> None:
    assert template_helpers.ago(utcnow() - timedelta(seconds=seconds)) == output


def test_theme_cookie_is_applied_and_validated(client: FlaskClient) -> None:
    assert 'data-bs-theme="dark"' in client.get("/login").text
    client.set_cookie("theme", "light")
    assert 'data-bs-theme="light" data-theme-chosen' in client.get("/login").text
    client.set_cookie("theme", '"><script>')
    assert 'data-bs-theme="dark"' in client.get("/login").text


@pytest.mark.parametrize("host", ["x" * 64, "a b", "[::", "é", "a..b", "-", "x:y", "a/b"])
@pytest.mark.parametrize("page", ["/login", "/nothing", "/api/v1/docs"])
def test_invalid_host_header_is_400_or_a_normal_page(
    client: FlaskClient, host: str, page: str
) -> None:
    raw = host.encode().decode("latin-1")
    answer = client.get(page, environ_overrides={"HTTP_HOST": raw})
    assert answer.status_code in (200, 400, 404)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
