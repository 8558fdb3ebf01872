"""Two friends compare their tastes: both have to agree, and nobody else sees it."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.pages import shown
from tests.support.site import register

ANN, BOB = 21, 22
OF_ANN = {1: "5", 2: "4.5", 3: "4", 8: "1", 13: "2"}
OF_BOB = {1: "4.5", 2: "5", 3: "1", 8: "1.5", 13: "2.5", 21: "4", 5: "5"}


@pytest.fixture
def bob(app: Flask, ann: FlaskClient) -> FlaskClient:
    """A friend of Ann's; both have rated."""
    bob = app.test_client()
    register(bob, "bob")
    for client, ratings in ((ann, OF_ANN), (bob, OF_BOB)):
        for item, stars in ratings.items():
            client.post(f"/title/{item}/rating", data={"rating": stars})
    ann.post("/group/ask", data={"name": "bob"})
    bob.post(f"/group/{ANN}/agree")
    return bob


def agree(ann: FlaskClient, bob: FlaskClient) -> None:
    assert ann.post(f"/group/{BOB}/taste").location == f"/group/{BOB}/taste"
    assert bob.post(f"/group/{ANN}/taste").status_code == 303


@pytest.mark.every_database
def test_comparison_needs_the_agreement_of_both(ann: FlaskClient, bob: FlaskClient) -> None:
    page = ann.get(f"/group/{BOB}/taste").text
    assert "both of you have to agree" in page
    ann.post(f"/group/{BOB}/taste")
    assert "It is up to bob now" in ann.get(f"/group/{BOB}/taste").text
    assert "ann has agreed already" in bob.get(f"/group/{ANN}/taste").text
    assert shown(ann.get(f"/group/{BOB}/taste").text) == []


@pytest.mark.every_database
def test_comparison_shows_how_alike_what_both_love_and_where_they_differ(
    ann: FlaskClient, bob: FlaskClient
) -> None:
    agree(ann, bob)
    page = ann.get(f"/group/{BOB}/taste").text
    assert "5 movies that you both know" in page
    assert "+0.62" in page
    assert "with 95 % confidence it lies from -0.57 to 0.97" in page
    assert "this much may be chance" in page
    love, differ, new = _parts(page)
    assert "Space Pirates" in love
    assert "Space Race" not in love
    assert "The Space Race" in differ
    assert "Amélie" not in differ
    assert shown(new) == [5, 21]
    ann.post("/title/5/seen")
    assert shown(_parts(ann.get(f"/group/{BOB}/taste").text)[2]) == [21]


def _parts(page: str) -> list[str]:
    """Return what both love, where they differ, and what is new."""
    starts = [page.index(f'id="{part}"') for part in ("both", "differ", "theirs")]
    return [page[a:b] for a, b in zip(starts, [*starts[1:], len(page)], strict=True)]


@pytest.mark.every_database
def test_either_ends_the_comparison(ann: FlaskClient, bob: FlaskClient) -> None:
    agree(ann, bob)
    bob.post(f"/group/{ANN}/taste/end")
    for client, other in ((ann, BOB), (bob, ANN)):
        assert "How alike</h2>" not in client.get(f"/group/{other}/taste").text
    bob.post(f"/group/{ANN}/taste")
    assert "How alike</h2>" in ann.get(f"/group/{BOB}/taste").text
    ann.post(f"/group/{BOB}/end")
    assert bob.get(f"/group/{ANN}/taste").status_code == 404


@pytest.mark.parametrize("other", ["22", "999", "21"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_page_of_someone_who_is_no_friend_is_404(
    app: Flask, ann: FlaskClient, bob: FlaskClient, other: str, method: str
) -> None:
    agree(ann, bob)
    eve = app.test_client()
    register(eve, "eve")
    eve.post("/group/ask", data={"name": "bob"})  # asked, and not answered
    assert eve.open(f"/group/{other}/taste", method=method).status_code == 404
    assert eve.post(f"/group/{other}/taste/end").status_code == 404
    assert "How alike</h2>" in ann.get(f"/group/{BOB}/taste").text


def test_export_says_who_agreed_to_compare(ann: FlaskClient, bob: FlaskClient) -> None:
    ann.post(f"/group/{BOB}/taste")
    (friend,) = ann.get("/data/export.json").json["companions"]
    assert (friend["compares"], friend["they_compare"]) == (True, False)


def test_group_page_leads_to_the_comparison(ann: FlaskClient, bob: FlaskClient) -> None:
    assert f'href="/group/{BOB}/taste"' in ann.get("/group").text
