"""No page, mail or document of a catalogue of one's own says a word of films or games."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.home import routes
from app.models import User
from tests.support.api import BASE
from tests.support.logins import ask
from tests.support.site import confirm_address, register

OF_FILMS = r"films?\b|movies?|watched|imdb|tmdb|letterboxd|trakt|projector|cinema|sofa"
OF_GAMES = r"\bhours?\b(?! or password)|\bgames?\b|steam|played|\bplay(?:ing)? it\b"
# What no page may say, by site.
FORBIDDEN = {
    "books": rf"{OF_FILMS}|{OF_GAMES}|\bseen\b|★|\bstars?\b",
    "songs": rf"{OF_FILMS}|{OF_GAMES}|\bseen\b|★|\bstars?\b|goodreads",
    "tools": rf"{OF_FILMS}|{OF_GAMES}|\bseen\b|★|\bstars?\b|goodreads|\bplays?\b",
}
PAGES = (
    *("/", "/?show=25", "/?years=3&known=-1&genre=Romance", "/welcome", "/search?q=the"),
    *("/search?q=xqz", "/search?q=the&suggest=1", "/popular", "/ratings", "/watchlist", "/hidden"),
    *("/seen", "/title/1", "/title/2", "/title/5", "/title/9", "/group", "/group?guest=0&way=veto"),
    *("/group/guest", "/data", "/data/imports/1", "/data/lines", "/account", "/owner"),
    *(
        "/owner/titles",
        "/watchlist/ranked",
        "/watchlist/ranked?pick=1",
        "/watchlist/ranked?from=2099",
        "/data/lists",
        "/surprise",
        "/?mix=3&again=1",
    ),
    *(
        "/owner/experiments",
        "/login",
        "/register",
        "/forgotten",
        "/nothing-here",
        "/popular?genre=x",
    ),
)
# "Within the hour" is a time, not a count of play.
TIMES = re.compile(r"within the hour|works once, and for an hour|\d+ h ago")


@pytest.fixture(params=FORBIDDEN)
def site(request: pytest.FixtureRequest) -> tuple[str, Flask]:
    """Each site, by its name."""
    return request.param, request.getfixturevalue(f"{request.param}_app")


@pytest.fixture
def owner(site: tuple[str, Flask]) -> FlaskClient:
    """The owner of the site, with something on every page of hers."""
    _, app = site
    client = app.test_client()
    register(client, "ann")
    confirm_address(app, "ann")
    with app.app_context():
        db.session.scalars(select(User)).one().role = "owner"
        db.session.commit()
    for item, value in ((1, "1"), (5, "1")):
        assert client.post(f"/title/{item}/rating", data={"rating": value}).status_code == 303
    for item, kind in ((2, "watchlist"), (6, "hidden"), (7, "seen"), (8, "unseen")):
        assert client.post(f"/title/{item}/{kind}").status_code == 303
    guest = {"name": "Maja", **{f"rating-{item}": "1" for item in (3, 4, 8)}}
    assert client.post("/group/guest", data=guest).status_code == 303
    export = client.get("/data/export.json").json
    value = {"rating", "count"} & export["ratings"][0].keys()
    lines = f"item_id,title,{value.pop()},rated_at\n99,Who Knows,1,2020-01-01T00:00:00+00:00\n"
    upload = {"file": (io.BytesIO(lines.encode()), "ratings.csv")}
    assert client.post("/data/import", data=upload).location == "/data/imports/1"
    return client


def words_of(page: str) -> str:
    """Return what is seen or read aloud: text, labels, placeholders."""
    spoken = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', page)
    text = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<script.*?</script>", "", page))
    return TIMES.sub("", html.unescape(re.sub(r"\s+", " ", " ".join([text, *spoken]))))


def forbidden(name: str, text: str) -> list[str]:
    return re.findall(rf"(?i).{{0,30}}(?:{FORBIDDEN[name]}).{{0,30}}", text)


def test_no_page_speaks_of_films_or_games(site: tuple[str, Flask], owner: FlaskClient) -> None:
    for path in PAGES:
        answer = owner.get(path, follow_redirects=True)
        assert answer.status_code == (404 if "nothing" in path or "=x" in path[-2:] else 200), path
        assert forbidden(site[0], words_of(answer.text)) == [], path
        assert "imdb.com" not in answer.text, path
        assert "tmdb" not in answer.headers["Content-Security-Policy"]
    guest = site[1].test_client()
    answers = {f"rating-{item}": "1" for item in (1, 2, 5)}
    assert guest.post("/try", data=answers).status_code == 303
    for path in (
        "/try",
        "/try/list",
        "/login",
        "/register",
        "/forgotten",
        "/reset/stale",
        "/confirm/stale",
    ):
        page = guest.get(path, follow_redirects=True).text
        assert forbidden(site[0], words_of(page)) == [], path


def test_no_message_speaks_of_films_or_games(site: tuple[str, Flask], owner: FlaskClient) -> None:
    for message in messages(owner):
        assert forbidden(site[0], message) == []


def messages(client: FlaskClient) -> Iterator[str]:
    """Yield what each change, and each upload that is not taken, is answered with."""
    headers = {"Accept": "application/json"}
    for kind in ("watchlist", "hidden", "seen", "unseen"):
        for address in (f"/title/4/{kind}", f"/title/4/{kind}/delete"):
            yield client.post(address, headers=headers).json["message"]
    for address in ("/title/3/rating", "/title/3/rating/delete"):
        yield client.post(address, data={"rating": "1"}, headers=headers).json["message"]
    upload = {"file": (io.BytesIO(b"a,b\n1,2\n"), "list.csv")}
    yield words_of(client.post("/data/import", data=upload).text)
    guest = {"name": "Nobody", "rating-1": "1"}
    yield words_of(client.post("/group/guest", data=guest).text)


def test_no_mail_and_no_failure_speaks_of_films_or_games(
    site: tuple[str, Flask],
    owner: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, app = site
    assert ask(app.test_client(), "ann@example.com", caplog)
    assert forbidden(name, TIMES.sub("", " ".join(caplog.messages))) == []

    def fail(*_args: object, **_more: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(routes, "render_template", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(app.config, "TESTING", False)
    page = owner.get("/popular")
    assert page.status_code == 500
    assert "Something broke down here" in page.text
    assert forbidden(name, words_of(page.text)) == []


def test_document_of_the_api_speaks_of_the_catalogue(site: tuple[str, Flask]) -> None:
    name, app = site
    document = app.test_client().get(f"{BASE}/openapi.json").json
    assert forbidden(name, json.dumps(document, ensure_ascii=False)) == []
    noun = name.removesuffix("s")
    assert f"{BASE}/{noun}/{{{noun}_id}}" in document["paths"]
    assert f"{BASE}/user/{{user_id}}/known" in document["paths"]
    keyed = {path for path in document["paths"] if path.endswith("/by-key/{key}")}
    assert keyed == (set() if name == "tools" else {f"{BASE}/{noun}/by-key/{{key}}", BY_USER})


BY_USER = f"{BASE}/user/by-key/{{key}}"


def test_export_speaks_of_the_catalogue(site: tuple[str, Flask], owner: FlaskClient) -> None:
    name, _ = site
    export = owner.get("/data/export.json").json
    export["visits"] = []
    del export["account"]
    names = {key for rows in export.values() for row in rows for key in row}
    assert [key for key in names if forbidden(name, key) and key not in ("seen",)] == []


def test_drawn_posters_do_not_look_like_cinema(site: tuple[str, Flask]) -> None:
    _, app = site
    posters = {app.test_client().get(f"/poster/{item}.svg").text for item in range(1, 10)}
    assert len(posters) == 9
    assert all("<svg" in poster for poster in posters)
