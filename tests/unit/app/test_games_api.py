"""The REST API in a catalogue of games: its nouns, unchanged hours, a match."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.api import summaries
from tests.support.api import BASE, Rest, client_with_token, stored


@pytest.fixture
def games(games_app: Flask) -> Rest:
    """A REST client with a service token; the catalogue is in the database."""
    games_app.test_client().get("/health")
    return client_with_token(games_app, "service")


@pytest.fixture
def player(games: Rest) -> int:
    added = games.answer("PUT", "/user", {"gender": None, "year_of_birth": None})
    return int(added["user_id"])


def test_api_uses_games_and_hours_in_place_of_movies_and_ratings(games: Rest, player: int) -> None:
    assert games.answer("GET", "/game/10")["game_id"] == 10
    output = games.answer("PUT", f"/user/{player}/hours", {"game_id": 10, "hours": 120.3})
    assert (output["game_id"], output["hours"], output["is_implicit"]) == (10, 120.3, False)
    for order in ("top", "latest"):
        (has,) = games.answer("GET", f"/user/{player}/hours/{order}")["hours"]
        assert (has["hours"], has["game"]["game_id"]) == (120.3, 10)
    batch = {"requests": [{"hours": [{"game_id": 10, "hours": 3}]}, {"user_id": player}]}
    results = games.answer("POST", "/recommendations/batch", batch)["results"]
    assert [one["recommendations"][0]["game_id"] for one in results] == [20, 20]
    gone = games.answer("DELETE", f"/user/{player}/hours", {"game_id": 10})
    assert gone == {"game_id": 10, "user_id": player, "msg": "deleted"}


@pytest.mark.parametrize("hours", [0, 0.1, 0.0166, 12.34, 2.75, 100_000])
def test_put_hours_stores_the_exact_value(
    games_app: Flask, games: Rest, player: int, hours: float
) -> None:
    games.answer("PUT", f"/user/{player}/hours", {"game_id": 10, "hours": hours})
    assert stored(games_app) == [(player, 10, hours, False)]


@pytest.mark.parametrize("hours", [-0.1, -1, 100_001, 1e300, "three", None, True])
def test_put_hours_is_422_and_stores_nothing_when_value_is_invalid(
    games_app: Flask, games: Rest, player: int, hours: object
) -> None:
    answer = games("PUT", f"/user/{player}/hours", json={"game_id": 10, "hours": hours})
    assert answer.status_code == 422
    assert answer.json["message"].startswith("hours: ")
    assert stored(games_app) == []


def test_top_games_have_owners_and_mean_hours(games: Rest) -> None:
    top = games.answer("GET", "/games/top")["top_games"]
    assert [each["owners"] for each in top] == [20, 18, 12, 10, 9, 8, 6, 5]
    assert top[0].keys() == {"avg_hours", "owners", "game"}
    assert (top[0]["game"]["game_id"], top[0]["avg_hours"]) == (10, 40.0)


def test_put_watched_marks_a_game_as_owned_and_keeps_hours(
    games_app: Flask, games: Rest, player: int
) -> None:
    owns = games.answer("PUT", f"/user/{player}/watched", {"game_id": 10})
    assert owns == {"user_id": player, "game_id": 10, "watched": True}
    games.answer("PUT", f"/user/{player}/hours", {"game_id": 20, "hours": 7})
    games.answer("PUT", f"/user/{player}/watched", {"game_id": 20})
    assert stored(games_app) == [(player, 10, 0.0, True), (player, 20, 7.0, False)]
    for game in (10, 20):
        games.answer("DELETE", f"/user/{player}/watched", {"game_id": game})
    assert stored(games_app) == [(player, 20, 7.0, False)]


def test_recommendations_have_score_and_match_and_no_predicted_rating(
    games: Rest, player: int
) -> None:
    games.answer("PUT", f"/user/{player}/hours", {"game_id": 10, "hours": 50})
    listed = games.answer("GET", f"/user/{player}/recommendations")["recommendations"]
    assert listed[0].keys() == {
        *("game_id", "title", "year", "genres", "description"),
        *("score", "match"),
    }
    assert {each["game_id"] for each in listed[:3]} == {20, 30, 40}
    assert all(0 <= each["match"] <= 1 for each in listed)
    assert listed[0]["match"] > 0.5 > listed[-1]["match"]


def test_estimate_is_a_match_and_explanation_lists_hours(games: Rest, player: int) -> None:
    games.answer("PUT", f"/user/{player}/hours", {"game_id": 10, "hours": 50})
    output = games.answer("GET", f"/user/{player}/estimate/20")
    assert output.keys() == {"user_id", "game_id", "match"}
    assert 0.5 < output["match"] <= 1
    why = games.answer("GET", f"/user/{player}/because/20")
    assert [(part["game"]["game_id"], part["hours"]) for part in why["because"]] == [(10, 50.0)]
    assert why["score"] == pytest.approx(why["popularity"] + why["because"][0]["contribution"])


def test_estimate_is_404_when_nobody_owns_the_game(games: Rest, player: int) -> None:
    answer = games("GET", f"/user/{player}/estimate/90")
    assert answer.status_code == 404
    assert answer.json["message"] == "the release in service knows no hours of game 90"


def test_api_rejects_movie_paths_and_fields_when_catalogue_has_games(
    games: Rest, player: int
) -> None:
    for path in ("/movie/10", "/movies/top", f"/user/{player}/ratings/top"):
        assert games("GET", path).status_code == 404
    answer = games("PUT", f"/user/{player}/hours", json={"movie_id": 10, "hours": 2})
    assert answer.status_code == 422
    assert "game_id: Missing data" in answer.json["message"]
    assert "movie_id: Unknown field." in answer.json["message"]


def test_openapi_document_mentions_only_games_and_hours(games: Rest) -> None:
    document = games("GET", "/openapi.json").json
    assert f"{BASE}/game/{{game_id}}" in document["paths"]
    given = document["components"]["schemas"]["MovieRating"]["properties"]["hours"]
    assert (given["minimum"], given["maximum"]) == (0, 100_000)
    named = r'schemas/\w+|"[A-Z]\w*": \{|/watched|"watched"'
    printed = re.sub(named, "", games("GET", "/openapi.json").text)
    assert not re.findall(r".{0,20}(?i:movie|\brate|rating|stars|watched).{0,20}", printed)


def test_openapi_document_has_every_summary_and_description_for_hours(games: Rest) -> None:
    document = games("GET", "/openapi.json").text
    texts = {**summaries.SUMMARIES_FOR_HOURS, **summaries.DESCRIPTIONS_FOR_HOURS}.values()
    assert [text for text in texts if f'"{text}"' not in document] == []


def test_unknown_field_error_keeps_a_trailing_blank_in_the_name(games: Rest, player: int) -> None:
    answer = games("PUT", f"/user/{player}/hours", json={"movie_id ": 10, "hours": 2})
    assert "movie_id : Unknown field." in answer.json["message"]
