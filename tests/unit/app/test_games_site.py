"""The site with a release of games: its words, hours in place of stars, Steam libraries; and a
process that serves games or films depending on the release."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.models import Import, Rating, User
from app.recommend.feedback_kind import HOURS, STARS, hours_in_words
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.pages import shown, stored
from tests.support.releases import ACTION, FARMING, publish_tiny, publish_tiny_games
from tests.support.servers import gunicorn
from tests.support.site import register

PAGES = (
    *("/", "/?show=25", "/?years=3&known=-1", "/welcome", "/search?q=space", "/search?q=xqz"),
    *("/popular", "/popular?genre=Simulation", "/ratings", "/watchlist", "/hidden", "/title/10"),
    *("/title/20", "/title/50", "/title/90", "/group", "/group?guest=0&way=veto", "/group/guest"),
    *("/data", "/account", "/owner", "/login", "/register"),
)
STEAM = {
    "response": {
        "game_count": 3,
        "games": [
            {"appid": 10, "playtime_forever": 90, "name": "Counter-Space"},
            {"appid": 50, "playtime_forever": 0, "name": "Farm of Peace"},
            {"appid": 4_000_000, "playtime_forever": 5, "name": "Unheard Of"},
        ],
    }
}
PUBLISHED = (
    "{'user_id': 'x', 'items_count': 1, 'items':"
    " [{'item_id': '10', 'item_name': 'Counter-Space', 'playtime_forever': 90}]}\n"
)
GUEST = {"name": "Maja", "rating-50": "12", "rating-60": "0", "rating-70": "2.5", "rating-10": ""}


def own(client: FlaskClient, item: int, hours: str) -> None:
    assert client.post(f"/title/{item}/rating", data={"rating": hours}).status_code == 303


def bring(client: FlaskClient, content: bytes | str, name: str = "library.json") -> str:
    raw = content.encode() if isinstance(content, str) else content
    answer = client.post("/data/import", data={"file": (io.BytesIO(raw), name)})
    return client.get(answer.location).text if answer.status_code == 303 else answer.text


def make_owner(app: Flask) -> None:
    with app.app_context():
        db.session.scalars(select(User)).one().role = "owner"
        db.session.commit()


# Words


def test_pages_do_not_mention_films_ratings_or_stars(games_app: Flask, gil: FlaskClient) -> None:
    make_owner(games_app)
    for item, hours in ((10, "12.5"), (50, "0")):
        own(gil, item, hours)
    gil.post("/title/30/watchlist")
    gil.post("/title/40/hidden")
    gil.post("/group/guest", data=GUEST)
    bring(gil, json.dumps(STEAM))
    for path in (*PAGES, "/data/imports/1"):
        answer = gil.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        text = words_of(answer.text)
        found = re.findall(
            r".{0,30}(?i:\bmovies?\b|\bfilms?\b|\brat(?:e|ed|ing|ings)\b|★|\bstars?\b|imdb|seen"
            r"|watch(?!list)|predicted).{0,30}",
            text,
        )
        assert found == [], path


def words_of(page: str) -> str:
    """Return what is seen or read aloud: text, labels, placeholders; no file names."""
    spoken = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', page)
    text = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<code>.*?</code>|<script.*?</script>", "", page))
    return html.unescape(re.sub(r"\s+", " ", " ".join([text, *spoken])))


def test_templates_of_both_feedback_types_define_the_same_macros(games_app: Flask) -> None:
    with games_app.test_request_context():
        modules = [
            games_app.jinja_env.get_template(kind.template).make_module({"noun": "title"})
            for kind in (STARS, HOURS)
        ]
    films, games = ({name for name in vars(m) if name[0] != "_"} for m in modules)
    assert films == games
    assert len(films) > 40


@pytest.mark.parametrize(
    ("hours", "output"),
    [
        *((0.0, "not played yet"), (1 / 60, "1 min"), (0.5, "30 min"), (1.0, "1 h")),
        *((2.53, "2.5 h"), (12.4, "12.4 h"), (99.96, "100 h"), (1234.5, "1,234 h")),
    ],
)
def test_hours_in_words_formats_hours(hours: float, output: str) -> None:
    assert hours_in_words(hours) == output


def test_card_shows_store_link_genres_and_match(gil: FlaskClient) -> None:
    own(gil, 10, "50")
    page = gil.get("/").text
    assert 'href="https://store.steampowered.com/app/20/"' in page
    assert "1999 · Action" in page
    assert re.search(r'class="guess">\d+ % <span class="quietly">match', page)
    assert 'src="/poster/20.svg" alt="Space Fortress (1999)"' in page
    assert "Because you have" in page


def test_home_shows_popular_games_without_match_when_user_has_no_games(gil: FlaskClient) -> None:
    page = gil.get("/").text
    assert "Popular to begin with" in page
    assert "Add a few games you have, here or through the search" in words_of(page)
    assert shown(page) == [10, 50, 60, 20, 70]
    assert "match" not in words_of(page)


# Hours


def test_home_changes_at_once_when_a_game_is_added(games_app: Flask, gil: FlaskClient) -> None:
    own(gil, 10, "120.5")
    page = gil.get("/").text
    assert "From your 1 game." in words_of(page)
    assert set(shown(page)[:3]) == set(ACTION[1:])
    own(gil, 60, "3")
    assert "From your 2 games." in words_of(gil.get("/").text)
    assert stored(games_app) == [(10, 120.5), (60, 3.0)]


@pytest.mark.parametrize(
    ("sent", "kept"), [("", 0.0), ("0", 0.0), ("0.1", 0.1), ("2,5", 2.5), ("100000", 100_000.0)]
)
def test_hours_form_stores_the_exact_value_and_zero_when_empty(
    games_app: Flask, gil: FlaskClient, sent: str, kept: float
) -> None:
    own(gil, 10, sent)
    assert stored(games_app) == [(10, kept)]


@pytest.mark.parametrize("sent", ["-1", "100000.1", "nan", "inf", "many", "1 2", None])
def test_hours_form_is_422_and_stores_nothing_when_value_is_invalid(
    games_app: Flask, gil: FlaskClient, sent: str | None
) -> None:
    data = {"rating": sent} if sent is not None else {}
    assert gil.post("/title/10/rating", data=data).status_code == 422
    assert stored(games_app) == []


def test_hours_form_returns_json_with_undo_to_scripts(gil: FlaskClient) -> None:
    json_please = {"Accept": "application/json"}
    first = gil.post("/title/10/rating", data={"rating": "2.5"}, headers=json_please).json
    assert first == {
        "message": "Counter-Space: 2.5 h",
        "undo": {"address": "/title/10/rating/delete"},
    }
    second = gil.post("/title/10/rating", data={"rating": "1234.5"}, headers=json_please).json
    assert second["undo"] == {"address": "/title/10/rating", "rating": "2.5"}
    gone = gil.post("/title/10/rating/delete", headers=json_please).json
    assert gone["message"] == "Counter-Space: no longer among your games"
    assert gone["undo"] == {"address": "/title/10/rating", "rating": "1234.5"}


def test_hours_field_shows_stored_hours_and_works_without_scripts(gil: FlaskClient) -> None:
    own(gil, 10, "12.34")
    page = gil.get("/ratings").text
    assert "Games you own" in page
    assert re.search(r'<input[^>]*type="number" name="rating" min="0"[^>]* value="12.3">', page)
    assert "Save<span" in page
    assert "I have it" not in page


# Lists


def test_popular_games_are_sorted_by_owners(gil: FlaskClient) -> None:
    page = gil.get("/popular").text
    assert shown(page) == [10, 50, 60, 20, 70, 30, 80, 40]
    assert "20 people have it, 40 h on average" in words_of(page)
    assert shown(gil.get("/popular?genre=Simulation").text) == FARMING[:3]


def test_game_page_explains_in_terms_of_games(gil: FlaskClient) -> None:
    own(gil, 10, "100")
    own(gil, 30, "0")
    text = words_of(gil.get("/title/20").text)
    assert "Match with you" in text
    assert "The games you have add up to its place there" in text
    assert "Counter-Space 100 h" in text
    assert "Day of Space not played yet" in text
    assert re.search(r"Without Counter-Space it would (still )?be number \d", text)
    assert "People who have it also have" in text
    text = words_of(gil.get("/title/10").text)
    assert "You 100 h" in text
    assert "You have it, so it is on no list of yours any more." in text


def test_onboarding_asks_whether_the_user_owns_a_game(gil: FlaskClient) -> None:
    text = words_of(gil.get("/welcome").text)
    assert "Do you have this?" in text
    assert "Counter-Space" in text
    assert "I don’t have it" in text
    gil.post("/title/10/unseen")
    own(gil, int(shown(gil.get("/welcome").text)[0]), "5")
    assert "1 yours, 1 not yours" in words_of(gil.get("/welcome").text)


def test_watchlist_is_called_wishlist(gil: FlaskClient) -> None:
    answer = gil.post("/title/20/watchlist", headers={"Accept": "application/json"})
    assert answer.json["message"] == "Space Fortress is on your wishlist"
    assert "1 to play." in gil.get("/watchlist").text
    own(gil, 20, "1")
    assert shown(gil.get("/watchlist").text) == []


def test_filters_by_years_mention_games(gil: FlaskClient) -> None:
    own(gil, 10, "5")
    text = words_of(gil.get("/?genre=Simulation&years=3").text)
    assert "simulation, by your games of the last 3 years" in text


# Group night


def test_group_night_ranks_by_match(gil: FlaskClient) -> None:
    own(gil, 10, "50")
    assert gil.post("/group/guest", data=GUEST).status_code == 303
    for way in ("average", "misery"):
        page = gil.get(f"/group?guest=0&way={way}").text
        assert re.findall(r"</meter> (\d+) %", page)
    assert "3 games" in words_of(page)
    vetoed = gil.get("/group?guest=0&way=veto").text
    assert "nothing below a match of 10 % for anyone" in words_of(vetoed)
    assert "Nothing passes everyone’s veto" in vetoed


def test_group_guest_needs_three_games_and_form_keeps_input(gil: FlaskClient) -> None:
    few = {"name": "Maja", "rating-50": "12.5", "rating-60": "", "rating-70": "-3"}
    answer = gil.post("/group/guest", data=few)
    assert answer.status_code == 422
    assert "Give the hours of at least 3 games" in answer.text
    assert re.search(r'name="rating-50"[^>]* value="12.5"', answer.text)


# Their data


@pytest.mark.parametrize("content", [json.dumps(STEAM), PUBLISHED])
def test_steam_import_stores_hours(games_app: Flask, gil: FlaskClient, content: str) -> None:
    page = bring(gil, content)
    assert "Your games are here" in page
    assert dict(stored(games_app))[10] == 1.5
    with games_app.app_context():
        (row,) = db.session.scalars(select(Rating).where(Rating.item_id == 10))
        assert (row.via, row.is_implicit, row.predicted) == ("import", False, None)


def test_steam_import_stores_unplayed_games_and_reports_unknown_ones(
    games_app: Flask, gil: FlaskClient
) -> None:
    page = bring(gil, json.dumps(STEAM))
    assert stored(games_app) == [(10, 1.5), (50, 0.0)]
    assert "Unheard Of" in page
    with games_app.app_context():
        report = db.session.scalars(select(Import)).one().report
    assert (report["new"], report["unmatched"], report["wanted"]) == (2, 1, 0)


def test_steam_import_updates_hours_when_repeated(games_app: Flask, gil: FlaskClient) -> None:
    bring(gil, json.dumps(STEAM))
    own(gil, 50, "7")
    bring(gil, json.dumps(STEAM).replace("90", "180"))
    assert stored(games_app) == [(10, 3.0), (50, 7.0)]


@pytest.mark.parametrize(
    ("content", "source"),
    [
        ("userId,movieId,rating,timestamp\n7,10,4.5,1000000000\n", "MovieLens"),
        ("Const,Your Rating,Title,Year\ntt0000001,9,Counter-Space,2000\n", "IMDb"),
        ("Name,Year,Rating\nCounter-Space,2000,4\n", "Letterboxd"),
        ("item_id,title,rating,rated_at\n10,Counter-Space,4,2026-01-01\n", "Marquee"),
    ],
)
def test_import_rejects_files_of_star_ratings(
    games_app: Flask, gil: FlaskClient, content: str, source: str
) -> None:
    page = bring(gil, content, "ratings.csv")
    assert f"This is a file from {source}, and we know games alone." in page
    assert stored(games_app) == []


def test_export_contains_hours_and_can_be_imported(games_app: Flask, gil: FlaskClient) -> None:
    own(gil, 10, "12.34")
    own(gil, 50, "0")
    assert gil.get("/data/export.json").json["ratings"][0]["hours"] == 12.34
    with zipfile.ZipFile(io.BytesIO(gil.get("/data/export.zip").data)) as archive:
        exported = archive.read("ratings.csv").decode()
    (row, _) = csv.DictReader(io.StringIO(exported))
    assert (row["item_id"], row["hours"], "rating" in row) == ("10", "12.34", False)
    for item in (10, 50):
        gil.post(f"/title/{item}/rating/delete")
    bring(gil, exported, "ratings.csv")
    assert stored(games_app) == [(10, 12.34), (50, 0.0)]


def test_import_rejects_a_file_of_games_when_catalogue_has_movies(
    ann: FlaskClient, app: Flask
) -> None:
    for content in (
        json.dumps(STEAM),
        "item_id,title,hours,rated_at\n1,Space Station,4,2026-01-01\n",
    ):
        page = bring(ann, content)
        assert "and we know movies alone. It holds games, not ratings." in page
    assert stored(app) == []


def test_import_reports_invalid_hours_by_line(games_app: Flask, gil: FlaskClient) -> None:
    lines = "item_id,title,hours,rated_at\n10,A,-4,2026-01-01\n20,B,x,\n30,C,1e9,\n50,D,3,\n"
    page = words_of(bring(gil, lines, "ratings.csv"))
    assert "-4 hours is not from 0 to 100,000" in page
    assert "“x” is not a number of hours" in page
    assert stored(games_app) == [(50, 3.0)]


def test_accuracy_page_is_404_when_feedback_is_hours(gil: FlaskClient) -> None:
    assert gil.get("/accuracy").status_code == 404
    assert "/accuracy" not in gil.get("/").text


# The owner


def test_owner_page_shows_hours_without_target(games_app: Flask, gil: FlaskClient) -> None:
    make_owner(games_app)
    gil.get("/")
    gil.post("/title/20/rating", data={"rating": "30", "via": "recommendation"})
    gil.post("/title/60/rating", data={"rating": "4", "via": "search"})
    text = words_of(gil.get("/owner").text)
    assert "Recommendations they have now" in text
    assert "Hours in recommendations 30 h Mean of 1 game" in text
    assert "Hours in what they found otherwise 4 h" in text
    assert "of 5" not in text
    assert "88 games in the libraries of 20 people" in text


# Either kind


def test_site_switches_feedback_type_with_the_promoted_release(
    app: Flask, store: ReleaseStore, ann: FlaskClient
) -> None:
    """Only promoting a release switches the type, in both directions."""
    assert 'type="radio"' in ann.get("/").text
    assert ann.get("/accuracy").status_code == 200
    publish_tiny_games(store)
    page = ann.get("/").text
    assert "Because" not in page
    assert set(shown(page)) <= {*ACTION, *FARMING}
    assert 'type="number" name="rating"' in page
    assert 'type="radio"' not in page
    assert ann.get("/accuracy").status_code == 404
    own(ann, 60, "20")
    assert shown(ann.get("/popular").text)[0] == 10
    assert "Simulation" in ann.get("/popular").text
    store.rollback()
    assert 'type="radio"' not in ann.get("/").text  # hours would be read as stars
    assert run(app, "delete-ratings", "--yes")[0] == 0
    page = ann.get("/").text
    assert 'type="radio"' in page
    assert "store.steampowered.com" not in page
    assert ann.post("/title/1/rating", data={"rating": "4.5"}).status_code == 303
    assert ann.post("/title/1/rating", data={"rating": "12"}).status_code == 422


@pytest.mark.server
def test_running_servers_switch_feedback_type_without_restart(
    environ: dict[str, str], store: ReleaseStore, tmp_path: Path
) -> None:
    publish_tiny(store)
    often = {**environ, "RELEASE_POLL_SECONDS": "0.2"}
    with gunicorn(often, tmp_path / "gunicorn.log") as address:
        assert said_in_a_row(address, "Rate a few movies you know")
        publish_tiny_games(store)
        assert said_in_a_row(address, "Add a few games you have")
        store.rollback()
        assert said_in_a_row(address, "Rate a few movies you know")


def said_in_a_row(address: str, words: str) -> bool:
    """Return whether all processes show the text: many responses in a row contain it."""
    deadline, times = time.monotonic() + 60, 0
    while times < 12 and time.monotonic() < deadline:
        with urllib.request.urlopen(f"{address}/register", timeout=30) as page:
            times = times + 1 if words in page.read().decode() else 0
    return times == 12


def test_site_shows_stars_again_when_a_release_of_movies_is_promoted(
    games_app: Flask, store: ReleaseStore
) -> None:
    guest = games_app.test_client()
    assert "Add a few games you have" in guest.get("/register").text
    publish_tiny(store)
    assert "Rate a few movies you know" in guest.get("/register").text
    register(guest, "sue")
    assert "Have you seen this?" in guest.get("/welcome").text
