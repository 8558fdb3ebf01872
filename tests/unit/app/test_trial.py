"""A guest's try: ratings in the session, a list with reasons, and an account that keeps them."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.pages import shown, stored
from tests.support.routes import rows
from tests.support.site import register

ANSWERS = {"rating-1": "5", "rating-2": "4.5", "rating-8": "1"}


def answer(client: FlaskClient, **more: str) -> int:
    return client.post("/try", data={**ANSWERS, **more}).status_code


def test_login_page_says_what_is_behind_it(client: FlaskClient) -> None:
    page = client.get("/", follow_redirects=True).text
    assert "Movies you will like, and why" in page
    assert page.count('src="/poster/') == 8
    assert 'href="/try"' in page


@pytest.mark.every_database
def test_try_shows_a_list_with_reasons_at_once_and_stores_nothing(
    app: Flask, client: FlaskClient
) -> None:
    client.get("/login")  # the first request of all stores the release's titles
    before = rows(app)
    assert "rating-1" in client.get("/try").text
    assert answer(client) == 303
    page = client.get("/try/list").text
    assert shown(page)[0] in (3, 5)
    assert not {1, 2, 8} & set(shown(page))
    assert "Because you liked Space Station" in page
    assert rows(app) == before
    with app.app_context():
        assert rows(app, "users") == {k: v for k, v in before.items() if k != "users"}


@pytest.mark.every_database
def test_registering_keeps_the_ratings_of_the_try(app: Flask, client: FlaskClient) -> None:
    answer(client)
    assert "3 ratings from your try" in client.get("/register").text
    register(client, "ann")
    assert stored(app) == [(1, 5.0), (2, 4.5), (8, 1.0)]
    assert "From your 3 ratings" in client.get("/").text
    with client.session_transaction() as session:
        assert "trial" not in session


@pytest.mark.parametrize("sent", [{}, {"rating-1": "5"}, {"rating-1": "9", "rating-2": "x"}])
def test_try_asks_for_three_ratings(client: FlaskClient, sent: dict[str, str]) -> None:
    refused = client.post("/try", data=sent)
    assert (refused.status_code, "Rate at least 3" in refused.text) == (422, True)
    assert client.get("/try/list").location == "/try"


def test_try_refuses_more_than_twelve_ratings(client: FlaskClient) -> None:
    many = {f"rating-{item}": "5" for item in range(1, 400)}
    refused = client.post("/try", data=many)
    assert (refused.status_code, "12 are enough" in refused.text) == (422, True)


@pytest.mark.filterwarnings("ignore:The 'session' cookie is too large")
def test_session_with_ten_thousand_ratings_counts_as_empty(app: Flask, client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["trial"] = {str(item): 5.0 for item in range(10_000)}
    assert client.get("/try/list").location == "/try"
    register(client, "ann")
    assert stored(app) == []


def test_try_is_limited_for_an_address(app: Flask, client: FlaskClient) -> None:
    app.config["RATELIMIT_TRIES"] = "3/minute"
    assert [client.get("/try").status_code for _ in range(4)] == [200, 200, 200, 429]
    page = client.get("/try/list")
    assert (page.status_code, "a little too often" in page.text) == (429, True)
    elsewhere = client.get("/try", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 200


def test_try_sends_people_who_are_logged_in_to_their_own_list(ann: FlaskClient) -> None:
    assert ann.get("/try").location == "/"
    assert ann.get("/try/list").location == "/try"


def test_try_waits_for_a_release(closed_app: Flask) -> None:
    page = closed_app.test_client().get("/try")
    assert "Not open yet" in page.text
