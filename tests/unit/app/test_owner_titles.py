"""The owner's page of added titles: hide, show again, merge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.catalogue.added_titles import NewTitle
from app.http import pagination
from app.owner import titles_routes
from tests.support.added_titles import ANORA, FIRST, bring_title, columns_of, stars_of
from tests.support.commands import run
from tests.support.site import register
from tests.support.uploads import bring

pytestmark = pytest.mark.every_database

DOUBLE = NewTitle("Space Station", 1979)


@pytest.fixture
def owner(app: Flask, ann: FlaskClient) -> FlaskClient:
    run(app, "set-role", "ann", "owner")
    return ann


def test_page_is_for_owners_only(app: Flask, ann: FlaskClient) -> None:
    added = bring_title(app)
    assert ann.get("/owner/titles").status_code == 403
    for act in ("hide", "show", "merge"):
        assert ann.post(f"/owner/titles/{added}/{act}", data={"into": "3"}).status_code == 403
    assert columns_of(app, added, "available") == (True,)


def test_page_says_what_to_do_when_nothing_was_added(owner: FlaskClient) -> None:
    page = owner.get("/owner/titles").text
    assert "Nothing has been added yet" in page
    assert "flask add-titles FILE" in page
    assert 'href="/owner/titles"' in owner.get("/owner").text


def test_page_lists_what_was_added_by_whom(app: Flask, owner: FlaskClient) -> None:
    bob = app.test_client()
    register(bob, "bob")
    bring(bob, "tmdbID,Title,Year,Rating\n1064213,<b>Anora</b>,2024,4.5\n")
    page = owner.get("/owner/titles").text
    assert "&lt;b&gt;Anora&lt;/b&gt;" in page
    assert "by a file of bob" in page
    assert "rated by 1<" in page


def test_page_offers_titles_of_the_same_name_and_year(app: Flask, owner: FlaskClient) -> None:
    added = bring_title(app, DOUBLE)
    bring_title(app)
    page = owner.get("/owner/titles").text
    assert page.count("The same name and year:") == 1
    assert "Merge into number 1<" in page
    owner.post(f"/title/{added}/rating", data={"rating": "4"})
    done = owner.post(f"/owner/titles/{added}/merge", data={"into": "1"}, follow_redirects=True)
    assert "Space Station (1979) is Space Station (1979) now; its ratings are there." in done.text
    assert list(stars_of(app, 1).values()) == [4.0]
    assert "The same name and year:" not in owner.get("/owner/titles").text


def test_hidden_title_can_be_shown_again(app: Flask, owner: FlaskClient) -> None:
    added = bring_title(app)
    done = owner.post(f"/owner/titles/{added}/hide", follow_redirects=True).text
    assert "Anora (2024) is on no list any more." in done
    page = owner.get("/owner/titles").text
    assert ("Show again" in page, "hidden just now" in page) == (True, True)
    owner.post(f"/owner/titles/{added}/show")
    assert columns_of(app, added, "available") == (True,)


@pytest.mark.parametrize(
    ("into", "said"),
    [
        ("", "Give the number of the title that stays"),
        ("x", "Give the number of the title that stays"),
        ("99", "Nothing was merged: there is no title 99"),
        (str(FIRST), "cannot be merged into itself"),
    ],
)
def test_merge_says_what_is_wrong(app: Flask, owner: FlaskClient, into: str, said: str) -> None:
    added = bring_title(app)
    answer = owner.post(f"/owner/titles/{added}/merge", data={"into": into}, follow_redirects=True)
    assert said in answer.text


def test_titles_of_the_release_cannot_be_hidden_or_merged(app: Flask, owner: FlaskClient) -> None:
    assert owner.post("/owner/titles/1/hide").status_code == 404
    answer = owner.post("/owner/titles/1/merge", data={"into": "3"}, follow_redirects=True)
    assert "title 1 was not added here" in answer.text
    assert owner.post("/owner/titles/99/merge", data={"into": "3"}).status_code == 404


def test_long_list_has_pages(
    app: Flask, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pagination, titles_routes):
        monkeypatch.setattr(module, "PAGE_SIZE", 1)
    bring_title(app)
    bring_title(app, replace(ANORA, title="Later", imdb_id="tt0000099", tmdb_id=None))
    assert "Later" in owner.get("/owner/titles").text
    second = owner.get("/owner/titles?page=2").text
    assert ("Anora" in second, "Later" in second) == (True, False)
