"""Group nights: friends, guests, three strategies, and protection from strangers."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.group import friends
from app.models import Friendship
from tests.support.pages import shown
from tests.support.site import register

GUEST = {"name": "Maja", "rating-8": "5", "rating-13": "4.5", "rating-1": "1"}


@pytest.fixture
def bob(app: Flask, ann: FlaskClient) -> FlaskClient:
    client = app.test_client()
    register(client, "bob")
    return client


def befriend(ann: FlaskClient, bob: FlaskClient) -> None:
    """Make friends: user 21 asks, user 22 agrees."""
    ann.post("/group/ask", data={"name": "bob"})
    assert bob.post("/group/21/agree").status_code == 303


def pairs(app: Flask) -> list[tuple[int, int, bool]]:
    with app.app_context():
        found = db.session.scalars(select(Friendship))
        return [(p.user_id, p.asked_id, p.agreed_at is not None) for p in found]


@pytest.mark.every_database
def test_group_page_explains_what_to_do_when_user_has_no_friends(ann: FlaskClient) -> None:
    assert "Just you so far" in ann.get("/group").text


@pytest.mark.every_database
def test_group_list_includes_ratings_of_accepted_friends(
    ann: FlaskClient, bob: FlaskClient
) -> None:
    ann.post("/title/1/rating", data={"rating": "5"})
    bob.post("/title/13/rating", data={"rating": "5"})
    befriend(ann, bob)
    page = ann.get("/group?who=22").text
    assert not {1, 13} & set(shown(page))
    assert len(shown(page)) == 6
    assert page.count("<dt>You</dt>") == page.count("<dt>bob</dt>") == 6
    assert shown(bob.get("/group?who=21").text) == shown(page)


@pytest.mark.every_database
def test_group_list_excludes_friends_who_have_not_accepted(
    ann: FlaskClient, bob: FlaskClient
) -> None:
    ann.post("/group/ask", data={"name": "bob"})
    for client, other in ((ann, 22), (bob, 21)):
        assert shown(client.get(f"/group?who={other}").text) == []
    assert "ann</strong> asks" in bob.get("/group").text
    assert "has not answered yet" in ann.get("/group").text


@pytest.mark.parametrize("who", ["22", "999", "x", "-1", "9" * 30])
def test_group_list_is_empty_when_ids_are_of_strangers(
    ann: FlaskClient, bob: FlaskClient, who: str
) -> None:
    assert shown(ann.get(f"/group?who={who}").text) == []


@pytest.mark.every_database
def test_agree_is_404_when_user_was_not_asked(
    app: Flask, ann: FlaskClient, bob: FlaskClient
) -> None:
    ann.post("/group/ask", data={"name": "bob"})
    assert ann.post("/group/22/agree").status_code == 404
    eve = app.test_client()
    register(eve, "eve")
    assert eve.post("/group/21/agree").status_code == 404
    eve.post("/group/21/end")
    assert pairs(app) == [(21, 22, False)]


@pytest.mark.every_database
def test_ask_accepts_when_the_other_user_asked_first(
    app: Flask, ann: FlaskClient, bob: FlaskClient
) -> None:
    ann.post("/group/ask", data={"name": "BOB"})
    bob.post("/group/ask", data={"name": "ann"})
    assert pairs(app) == [(21, 22, True)]


@pytest.mark.every_database
def test_end_friendship_works_for_both_users(
    app: Flask, ann: FlaskClient, bob: FlaskClient
) -> None:
    befriend(ann, bob)
    ann.post("/group/22/end")
    assert pairs(app) == []
    assert shown(bob.get("/group?who=21").text) == []


def test_ask_response_is_the_same_when_name_is_unknown(ann: FlaskClient, bob: FlaskClient) -> None:
    known = ann.post("/group/ask", data={"name": "bob"}, follow_redirects=True)
    assert "If there is a bob here" in known.text
    unknown = ann.post("/group/ask", data={"name": "nobody"}, follow_redirects=True)
    assert "If there is a nobody here" in unknown.text
    assert ann.post("/group/ask", data={"name": "ann"}).status_code == 303


def test_ask_is_rejected_at_the_limit_whether_or_not_the_name_is_known(
    app: Flask, ann: FlaskClient, bob: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(friends, "MOST_OPEN", 0)
    for name in ("bob", "nobody"):
        answer = ann.post("/group/ask", data={"name": name})
        assert (answer.status_code, "asked enough people" in answer.text) == (422, True)


def test_ask_is_limited_in_open_requests(
    app: Flask, ann: FlaskClient, bob: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(friends, "MOST_OPEN", 0)
    answer = ann.post("/group/ask", data={"name": "bob"})
    assert (answer.status_code, "asked enough people" in answer.text) == (422, True)
    assert pairs(app) == []


def test_guest_is_added_with_three_ratings_and_removed_at_logout(ann: FlaskClient) -> None:
    answer = ann.post("/group/guest", data=GUEST)
    assert (answer.status_code, answer.location) == (303, "/group?guest=0")
    page = ann.get("/group?guest=0").text
    assert "<dt>Maja</dt>" in page
    assert not {1, 8, 13} & set(shown(page))
    ann.post("/logout")
    ann.post("/login", data={"username": "ann", "password": "correct horse battery"})
    assert "Maja" not in ann.get("/group").text


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"rating-8": "6"}, "Rate at least 3"),
        ({"rating-8": "nan", "rating-x": "5"}, "Rate at least 3"),
        ({"rating-8": "", "rating-999": "5"}, "Rate at least 3"),
        ({"name": ""}, "What shall we call them?"),
        ({"name": "x" * 25}, "Field cannot be longer"),
    ],
)
def test_guest_form_keeps_input_when_it_is_incomplete(
    ann: FlaskClient, change: dict[str, str], output: str
) -> None:
    answer = ann.post("/group/guest", data={**GUEST, **change})
    assert (answer.status_code, output in answer.text) == (422, True)
    assert re.search(r'name="rating-13" value="4.5"[^>]*checked', answer.text)


def test_guests_are_limited_and_can_be_removed(ann: FlaskClient) -> None:
    for _ in range(7):
        answer = ann.post("/group/guest", data=GUEST)
    assert answer.location == "/group"
    for number in (5, 0, 0, 99):
        ann.post(f"/group/guest/{number}/delete")
    assert ann.get("/group").text.count('name="guest"') == 3


def test_veto_excludes_items_that_any_member_would_dislike(ann: FlaskClient) -> None:
    for item in (1, 2, 3):
        ann.post(f"/title/{item}/rating", data={"rating": "5"})
    ann.post("/group/guest", data={"name": "Grump", **{f"rating-{i}": "0.5" for i in (8, 13, 21)}})
    assert shown(ann.get("/group?guest=0&way=average").text) != []
    page = ann.get("/group?guest=0&way=veto").text
    assert shown(page) == []
    assert "Nothing passes everyone’s veto" in page
    assert shown(ann.get("/group?guest=0&way=nonsense").text) != []


@pytest.mark.parametrize("number", ["2147483648", "9" * 30, "9" * 5000, "٣", "-1", ""])
def test_guest_ratings_of_unknown_items_are_ignored(ann: FlaskClient, number: str) -> None:
    answer = ann.post("/group/guest", data={**GUEST, f"rating-{number}": "5"})
    assert answer.status_code == 303
    answer = ann.post("/group/guest", data={"name": "Maja", f"rating-{number}": "5"})
    assert answer.status_code == 422


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000])
def test_delete_guest_is_404_when_number_is_invalid(ann: FlaskClient, number: str) -> None:
    assert ann.post(f"/group/guest/{number}/delete").status_code == 404
