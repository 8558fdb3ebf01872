"""Lists have pages of 100, and the cost of a page does not grow with the list."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.feedback.user_lists import HIDDEN, WATCHLIST
from app.group import friends as friendships
from app.models import User
from tests.support.large_site import (
    add_users,
    large_site,
    peak_bytes,
    processor_seconds,
    rate_everything,
    set_everything_aside,
)
from tests.support.site import register

TITLES, RATED = 9_742, 9_700
MOST_SECONDS, MOST_BYTES = 4.0, 80_000_000
MOST_BYTES_OF_EXPORT = 10_000_000


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with large_site(migrated, tmp_path_factory.mktemp("large")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(site: Flask) -> FlaskClient:
    """A user who rated nearly everything, and marked every item."""
    client = site.test_client()
    register(client, "ann")
    user_id = id_of(site, "ann")
    rate_everything(site, user_id, RATED)
    for kind in (WATCHLIST, HIDDEN):
        set_everything_aside(site, user_id, kind)
    return client


@pytest.fixture(scope="module")
def friends(site: Flask, ann: FlaskClient) -> list[int]:
    """Users who rated everything and are friends of ann."""
    ids = add_users(site, 20, companion_of=id_of(site, "ann"))
    for user_id in ids[:19]:
        rate_everything(site, user_id)
    return ids


def id_of(app: Flask, name: str) -> int:
    with app.app_context():
        return db.session.scalars(select(User.id).where(User.username_key == name)).one()


def items(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="title-row" data-item="(\d+)"', page)]


def links(page: str) -> dict[str, str]:
    """Return the links of the pager by ``rel``."""
    return dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', page))


def span(page: str) -> str:
    found = re.search(r'class="pager-span">([^<]+)<', page)
    return found[1] if found else ""


def test_ratings_page_lists_the_newest_hundred(ann: FlaskClient) -> None:
    page = ann.get("/ratings").text
    assert items(page) == list(range(RATED, RATED - 100, -1))
    assert span(page) == "1–100 of 9,700"
    assert links(page) == {"next": "/ratings?page=2"}


def test_ratings_pages_list_every_rating_once_when_following_links(
    ann: FlaskClient,
) -> None:
    address, listed = "/ratings?page=90", []
    while address:
        page = ann.get(address).text
        listed += items(page)
        address = links(page).get("next", "")
    assert listed == list(range(RATED - 8_900, 0, -1))
    assert links(page) == {"prev": "/ratings?page=96"}
    assert span(page) == "9,601–9,700 of 9,700"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("98", "9,601–9,700 of 9,700"),
        ("9" * 30, "9,601–9,700 of 9,700"),
        ("9" * 5_000, "1–100 of 9,700"),
        ("0", "1–100 of 9,700"),
        ("-3", "1–100 of 9,700"),
        ("x", "1–100 of 9,700"),
        ("", "1–100 of 9,700"),
    ],
)
def test_ratings_page_is_the_nearest_one_when_the_number_is_out_of_range(
    ann: FlaskClient, asked: str, shown: str
) -> None:
    assert span(ann.get(f"/ratings?page={asked}").text) == shown


def test_ratings_page_has_no_pager_when_there_is_one_page(site: Flask) -> None:
    bob = site.test_client()
    register(bob, "bob")
    assert "pager" not in bob.get("/ratings").text
    bob.post("/title/1/rating", data={"rating": "4"})
    assert "pager" not in bob.get("/ratings?page=7").text


@pytest.mark.parametrize(("act", "value"), [("rating", "3"), ("rating/delete", None)])
def test_rating_form_redirects_back_to_the_same_page_number(
    site: Flask, act: str, value: str | None
) -> None:
    carla = site.test_client()
    name = f"carla{len(act)}"
    register(carla, name)
    rate_everything(site, id_of(site, name), 250)
    page = carla.get("/ratings?page=2").text
    sent = re.search(r'name="next" value="([^"]+)"', page)
    assert sent is not None
    form = {"next": sent[1], **({"rating": value} if value else {})}
    answer = carla.post(f"/title/{items(page)[0]}/{act}", data=form)
    assert (answer.status_code, answer.location) == (303, "/ratings?page=2")


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/watchlist", "1–42 of 42"), ("/hidden?page=98", "9,701–9,742 of 9,742")],
)
def test_watchlist_and_hidden_items_are_paged(ann: FlaskClient, path: str, shown: str) -> None:
    page = ann.get(path).text
    assert len(items(page)) == 42
    assert span(page) == ("" if path == "/watchlist" else shown)


def test_hidden_page_links_to_neighbouring_pages(ann: FlaskClient) -> None:
    page = ann.get("/hidden?page=2").text
    assert links(page) == {"prev": "/hidden", "next": "/hidden?page=3"}


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/?show=205", "/welcome", "/ratings", "/ratings?page=97", "/watchlist", "/hidden"),
        *("/accuracy", "/data/export.json", "/data/export.zip", "/title/1", "/title/9742"),
    ],
)
def test_pages_stay_within_time_and_memory_when_everything_is_rated(
    ann: FlaskClient, path: str
) -> None:
    assert ann.get(path).status_code == 200
    assert processor_seconds(lambda: ann.get(path)) < MOST_SECONDS
    assert peak_bytes(lambda: ann.get(path)) < MOST_BYTES


@pytest.mark.parametrize("kind", ["json", "zip"])
def test_export_is_streamed(ann: FlaskClient, kind: str) -> None:
    def take() -> None:
        answer = ann.get(f"/data/export.{kind}")
        assert sum(map(len, answer.response)) == answer.content_length

    take()
    assert peak_bytes(take) < MOST_BYTES_OF_EXPORT


@pytest.mark.parametrize("path", ["/ratings", "/hidden", "/watchlist"])
def test_list_pages_are_bounded_in_size_when_everything_is_rated(
    ann: FlaskClient, path: str
) -> None:
    assert len(ann.get(path).data) < 1_000_000


def test_forms_do_not_repeat_a_long_url(ann: FlaskClient) -> None:
    query = "&".join(f"not=genre{n}" for n in range(2_000))
    assert len(ann.get(f"/ratings?{query}").data) < 1_000_000


def test_group_night_stays_within_time_and_memory_for_twenty_users_who_rated_everything(
    ann: FlaskClient, friends: list[int]
) -> None:
    address = "/group?" + "&".join(f"who={user_id}" for user_id in friends[:19])
    assert ann.get(address).status_code == 200
    assert processor_seconds(lambda: ann.get(address)) < MOST_SECONDS
    assert peak_bytes(lambda: ann.get(address)) < MOST_BYTES


def test_group_night_asks_to_remove_a_member_when_more_than_twenty_are_selected(
    ann: FlaskClient, friends: list[int]
) -> None:
    address = "/group?" + "&".join(f"who={user_id}" for user_id in friends)
    assert "20 people are as many as one list can be for" in ann.get(address).text


def test_group_night_asks_to_remove_a_member_when_members_have_too_many_ratings(
    ann: FlaskClient, friends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    views = importlib.import_module("app.group.routes")
    monkeypatch.setattr(views, "MOST_RATINGS", 5 * TITLES)
    address = "/group?" + "&".join(f"who={user_id}" for user_id in friends[:5])
    assert "more ratings than one list can take in" in ann.get(address).text
    assert "more ratings than" not in ann.get(f"/group?who={friends[0]}").text


def test_agree_is_rejected_when_the_user_has_the_most_friends_allowed(
    ann: FlaskClient, friends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(friendships, "MOST_FRIENDS", len(friends))
    answer = ann.post(f"/group/{friends[0]}/agree", follow_redirects=True)
    assert "as many friends here as can be" in answer.text
    assert ann.post("/group/ask", data={"name": "friend1000"}).status_code == 422


def test_incoming_friend_requests_are_listed_up_to_a_limit(
    site: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(friendships, "MOST_ASKING", 2)
    for name in ("dora", "eve", "fay"):
        client = site.test_client()
        register(client, name)
        client.post("/group/ask", data={"name": "ann"})
    page = ann.get("/group").text
    assert re.findall(r"<strong>(\w+)</strong> asks", page) == ["dora", "eve"]
