"""Behind our own proxies: which of them is trusted for the client address and HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from app import create_app
from app.extensions import db

# Headers after each platform's proxies, if the client 192.0.2.1 forges both headers.
FORGED = "6.6.6.6"
LOAD_BALANCER = ({"PROXIES": "2", "PROTOCOL_PROXIES": "1"}, f"{FORGED}, 192.0.2.1, 10.0.0.1")
NGINX_ALONE = ({"PROXIES": "1", "PROTOCOL_PROXIES": "0"}, f"{FORGED}, 192.0.2.1")
DIRECT: tuple[dict[str, str], str] = ({}, FORGED)


@pytest.fixture
def behind(
    request: pytest.FixtureRequest, environ: dict[str, str]
) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """A client of the site with the settings of a platform, and the header of its proxies."""
    settings, forwarded = request.param
    app = create_app({**environ, **settings, "HSTS_SECONDS": "3600"}, TESTING=True)
    app.add_url_rule("/seen", view_func=seen)
    yield app.test_client(), {"X-Forwarded-For": forwarded}
    with app.app_context():
        db.engine.dispose()


def seen() -> dict[str, object]:
    return {"address": request.remote_addr, "secure": request.is_secure}


@pytest.mark.parametrize(
    ("behind", "address"),
    [(LOAD_BALANCER, "192.0.2.1"), (NGINX_ALONE, "192.0.2.1"), (DIRECT, "127.0.0.1")],
    indirect=["behind"],
    ids=["load balancer", "nginx alone", "direct"],
)
def test_client_address_is_the_one_that_our_proxies_saw(
    behind: tuple[FlaskClient, dict[str, str]], address: str
) -> None:
    client, headers = behind
    assert client.get("/seen", headers=headers).json["address"] == address


@pytest.mark.parametrize(
    ("behind", "believed"),
    [(LOAD_BALANCER, True), (NGINX_ALONE, False), (DIRECT, False)],
    indirect=["behind"],
    ids=["load balancer", "nginx alone", "direct"],
)
def test_forwarded_proto_is_trusted_from_a_load_balancer_only(
    behind: tuple[FlaskClient, dict[str, str]], believed: bool
) -> None:
    client, headers = behind
    answer = client.get("/seen", headers={**headers, "X-Forwarded-Proto": "https"})
    assert answer.json["secure"] is believed


@pytest.mark.parametrize("behind", [LOAD_BALANCER], indirect=True)
def test_hsts_is_sent_over_https_only(
    behind: tuple[FlaskClient, dict[str, str]],
) -> None:
    client, headers = behind
    for scheme, output in (("https", "max-age=3600"), ("http", None)):
        answer = client.get("/login", headers={**headers, "X-Forwarded-Proto": scheme})
        assert answer.headers.get("Strict-Transport-Security") == output


def test_hsts_is_not_sent_by_default(app: Flask) -> None:
    answer = app.test_client().get("/login", base_url="https://marquee.example")
    assert "Strict-Transport-Security" not in answer.headers
