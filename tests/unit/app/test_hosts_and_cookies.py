"""Accepted host names, and attributes of cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

import config
from app import create_app
from app.extensions import db
from recommender.errors import ConfigError
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import publish_tiny
from tests.support.site import PASSWORD, PRODUCTION

FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "host=evil.example",
}
SITE = "https://marquee.example"


@pytest.fixture
def made(environ: dict[str, str], store: ReleaseStore) -> Iterator[Callable[..., Flask]]:
    """A function that creates a site with the given settings."""
    publish_tiny(store)
    apps: list[Flask] = []

    def make(**more: str) -> Flask:
        apps.append(create_app({**environ, **more}, TESTING=True, WTF_CSRF_ENABLED=False))
        return apps[-1]

    yield make
    for app in apps:
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize(
    ("settings", "host", "known"),
    [
        ({"SITE_URL": SITE}, "marquee.example", True),
        ({"SITE_URL": SITE}, "marquee.example:443", True),
        ({"SITE_URL": SITE}, "www.marquee.example", False),
        ({"SITE_URL": SITE}, "evil.example", False),
        ({"SITE_URL": SITE, "HOSTS": "a.example, b.example"}, "b.example", True),
        ({"SITE_URL": SITE, "HOSTS": "a.example, b.example"}, "marquee.example", False),
        ({"HOSTS": ".marquee.example"}, "www.marquee.example", True),
        ({"HOSTS": ".marquee.example"}, "marquee.example.evil", False),
        ({}, "anything.example", True),
    ],
)
def test_site_responds_to_its_own_host_names_only(
    made: Callable[..., Flask], settings: dict[str, str], host: str, known: bool
) -> None:
    client = made(**settings).test_client()
    assert client.get("/login", headers={"Host": host}).status_code == (200 if known else 400)
    api = client.get("/api/v1/movies/top", headers={"Host": host})
    assert (api.status_code, api.json["code"]) == ((401, 401) if known else (400, 400))
    for path in ("/health", "/ready"):  # load balancers use the IP address as host
        assert client.get(path, headers={"Host": "10.0.0.7"}).status_code == 200


@pytest.mark.parametrize("hosts", ["https://a.example", "a.example/x", "a b*", "*"])
def test_hosts_setting_rejects_invalid_host_names(hosts: str) -> None:
    with pytest.raises(ConfigError, match="HOSTS"):
        config.load({**PRODUCTION, "HOSTS": hosts})


def test_pages_do_not_contain_a_forged_host_header(ann: FlaskClient) -> None:
    pages = ("/", "/login", "/register", "/forgotten", "/data", "/nothing", "/api/v1/docs")
    for path in (*pages, "/api/v1/openapi.json", "/title/1", "/logout"):
        answer = ann.get(path, headers=FORGED)
        assert "evil.example" not in answer.text, path
        assert "evil.example" not in str(answer.headers), path


def test_redirects_do_not_use_a_forged_host_header(app: Flask, client: FlaskClient) -> None:
    for path in ("/", "/ratings", "/owner", "/api/v1/docs/"):
        answer = client.get(path, headers=FORGED)
        assert "evil.example" not in (answer.location or "")
    assert client.get("/", headers=FORGED).location.startswith("/login")


def cookies(app: Flask, address: str) -> dict[str, str]:
    """Return the cookies set by registering, logging out, and a remembered login, by name."""
    client, found = app.test_client(), {}
    password = {"password": PASSWORD, "confirm": PASSWORD}
    form = {"username": "eve", "email": "eve@example.com"}
    for path, sent in (
        ("/register", {**form, **password}),
        ("/logout", {}),
        ("/login", {"username": "eve", "password": PASSWORD, "remember": "y"}),
    ):
        answer = client.post(path, data=sent, base_url=address)
        assert answer.status_code in (302, 303), answer.text
        for output in answer.headers.getlist("Set-Cookie"):
            found[output.partition("=")[0]] = output
    return found


def test_cookies_are_secure_and_host_only_over_https(made: Callable[..., Flask]) -> None:
    found = cookies(made(SECURE_COOKIES="True", SITE_URL=SITE), SITE)
    assert found.keys() == {"__Host-session", "__Host-remember", "__Host-device"}
    for output in found.values():
        parts = {part.strip() for part in output.split(";")[1:]}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts
        assert "Domain" not in output
        assert len(output) < 4096


def test_cookies_are_http_only_in_development(made: Callable[..., Flask]) -> None:
    found = cookies(made(), "http://localhost")
    assert found.keys() == {"session", "remember_token", "device"}
    for output in found.values():
        assert "HttpOnly" in output
        assert "SameSite=Lax" in output


def test_cookies_have_the_host_prefix_in_production() -> None:
    loaded = config.load(PRODUCTION)
    names = [loaded[f"{kind}_COOKIE_NAME"] for kind in ("SESSION", "REMEMBER", "DEVICE")]
    assert all(name.startswith("__Host-") for name in names)
