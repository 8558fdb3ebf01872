"""The rows of the REST contract on a release small enough to check by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.db import clock
from app.extensions import db
from app.feedback import ratings
from app.models import Item, ListEntry, Rating, User
from app.recommend.model_watcher import serving
from tests.support.api import Rest, client_with_token, people, stored
from tests.support.site import PASSWORD

pytestmark = pytest.mark.every_database

MOVIE = {
    "movie_id": 2,
    "title": "Space Pirates",
    "year": 1984,
    "genres": "Sci-Fi|Adventure",
    "description": None,
}


def ids(movies: list[dict]) -> list[int]:
    return [movie["movie_id"] for movie in movies]


# People


def test_put_user_assigns_the_first_id_after_the_data_set(app: Flask, rest: Rest) -> None:
    added = rest.answer("PUT", "/user", {"gender": "F", "year_of_birth": 1990})
    assert added == {"user_id": 21, "gender": "F", "year_of_birth": 1990}
    assert rest.answer("GET", "/user/21") == added
    unsaid = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})
    assert unsaid == {"user_id": 22, "gender": None, "year_of_birth": None}


def test_rows_with_a_body_accept_numbers_as_text(app: Flask, rest: Rest, someone: int) -> None:
    added = rest.answer("PUT", "/user", {"gender": "F", "year_of_birth": "1982"})
    assert added["year_of_birth"] == 1982
    row = f"/user/{someone}"
    rated = rest.answer("PUT", f"{row}/rating", {"movie_id": "1", "rating": "3.5"})
    assert (rated["movie_id"], rated["rating"]) == (1, 3.5)
    assert stored(app) == [(someone, 1, 3.5, False)]
    assert rest.answer("DELETE", f"{row}/rating", {"movie_id": "1"})["movie_id"] == 1
    assert rest.answer("PUT", f"{row}/watched", {"movie_id": "2.0"})["movie_id"] == 2
    assert rest.answer("DELETE", f"{row}/watched", {"movie_id": "2"})["watched"] is False
    assert stored(app) == []


def test_batch_accepts_numbers_as_text(rest: Rest, someone: int) -> None:
    def answer(kind: Callable[[float], object]) -> object:
        ratings = [{"movie_id": kind(13), "rating": kind(4.5)}]
        requests = [{"user_id": kind(someone)}, {"ratings": ratings}]
        body = {"limit": kind(3), "requests": requests}
        return rest.answer("POST", "/recommendations/batch", body)

    assert answer(str) == answer(lambda number: number)


def test_delete_user_deletes_their_ratings(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 4})
    output = rest.answer("DELETE", f"/user/{someone}")
    assert output == {"msg": "deleted", "user_id": someone}
    assert (people(app), stored(app)) == ([], [])
    assert rest("DELETE", f"/user/{someone}").status_code == 404
    assert rest.answer("PUT", "/user", {"gender": "M", "year_of_birth": 1980})["user_id"] == 22


def test_service_token_deletes_an_account_only_when_account_is_true(
    app: Flask, rest: Rest, ann: FlaskClient
) -> None:
    (user,) = people(app)
    for query in ("", "?account=false"):
        refusal = rest("DELETE", f"/user/{user}{query}")
        assert refusal.status_code == 409
        assert "add ?account=true" in refusal.json["message"]
        assert people(app) == [user]
    assert rest("DELETE", f"/user/{user}?account=yes").status_code == 422
    assert rest.answer("DELETE", f"/user/{user}?account=true")["msg"] == "deleted"
    assert people(app) == []


def test_personal_token_deletes_the_account_of_its_owner(app: Flask, ann: FlaskClient) -> None:
    (user,) = people(app)
    assert client_with_token(app, "hers", user).answer("DELETE", f"/user/{user}")
    assert people(app) == []


# Ratings


@pytest.mark.parametrize(
    ("given", "kept"),
    [(3.8, 4.0), (3.75, 4.0), (3.74, 3.5), (0.25, 0.5), (0.24, 0.0), (0, 0.0), (5, 5.0), (4, 4.0)],
)
def test_put_rating_rounds_to_the_nearest_half_and_ties_up(
    app: Flask, rest: Rest, someone: int, given: float, kept: float
) -> None:
    output = rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": given})
    moment = datetime.fromisoformat(output.pop("ts"))
    assert output == {"is_implicit": False, "movie_id": 1, "rating": kept, "user_id": someone}
    assert timedelta() <= clock.utcnow() - moment < timedelta(minutes=1)
    assert stored(app) == [(someone, 1, kept, False)]


@pytest.mark.parametrize("off", [-0.1, 5.01, 1e308, -1, 10**30])
def test_put_rating_rejects_values_outside_the_scale(
    app: Flask, rest: Rest, someone: int, off: float
) -> None:
    answer = rest("PUT", f"/user/{someone}/rating", json={"movie_id": 1, "rating": off})
    assert answer.status_code == 422
    assert "rating: Must be from 0 to 5." in answer.json["message"]
    assert stored(app) == []


def test_put_rating_replaces_the_earlier_rating(app: Flask, rest: Rest, someone: int) -> None:
    for rating in (1, 5, 2):
        rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": rating})
    assert stored(app) == [(someone, 1, 2.0, False)]


def test_rate_keeps_the_later_rating_when_it_is_stored_first(
    app: Flask, rest: Rest, someone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    def overtaken() -> datetime:
        """Return an early time, after a rating with a later time was stored."""
        monkeypatch.setattr(ratings, "utcnow", lambda: late)
        ratings.rate(someone, 1, 5.0)
        return early

    with app.app_context():
        monkeypatch.setattr(ratings, "utcnow", overtaken)
        ratings.rate(someone, 1, 1.0)
        (row,) = db.session.scalars(select(Rating))
        assert (row.rating, row.rated_at) == (5.0, late)


def test_put_rating_stores_one_row_when_two_clients_write_concurrently(
    app: Flask, rest: Rest, someone: int
) -> None:
    answers: list[dict] = []

    def write(rating: float) -> None:
        client = Rest(app.test_client(), None)
        client._headers = rest._headers
        body = {"movie_id": 1, "rating": rating}
        answers.extend(client.answer("PUT", f"/user/{someone}/rating", body) for _ in range(10))

    writers = [threading.Thread(target=write, args=[rating]) for rating in (1.0, 5.0)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(answers) == 20
    latest = max(answers, key=lambda answer: answer["ts"])
    assert stored(app) == [(someone, 1, latest["rating"], False)]


def test_delete_rating_is_idempotent(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 4})
    for _ in range(2):
        output = rest.answer("DELETE", f"/user/{someone}/rating", {"movie_id": 1})
        assert output == {"movie_id": 1, "msg": "deleted", "user_id": someone}
    assert stored(app) == []


def give(app: Flask, user_id: int, *rows: tuple[int, float, int]) -> None:
    """Store ratings given as (item, stars, day of January)."""
    with app.app_context():
        for item_id, stars, day in rows:
            at = datetime(2026, 1, day, tzinfo=UTC)
            db.session.add(Rating(user_id=user_id, item_id=item_id, rating=stars, rated_at=at))
        db.session.commit()


def test_top_ratings_are_sorted_by_rating_then_newest(app: Flask, rest: Rest, someone: int) -> None:
    give(app, someone, (1, 4.0, 1), (2, 5.0, 1), (3, 4.0, 3), (5, 1.0, 4), (8, 4.0, 2))
    output = rest.answer("GET", f"/user/{someone}/ratings/top?limit=4")
    assert (output["user_id"], output["limit"]) == (someone, 4)
    assert ids([each["movie"] for each in output["ratings"]]) == [2, 3, 8, 1]
    assert output["ratings"][0] == {
        "is_implicit": False,
        "movie": MOVIE,
        "rating": 5.0,
        "ts": "2026-01-01T00:00:00+00:00",
    }


def test_latest_ratings_are_sorted_by_time_then_rating(
    app: Flask, rest: Rest, someone: int
) -> None:
    give(app, someone, (1, 4.0, 1), (2, 5.0, 1), (3, 4.0, 3), (5, 1.0, 4))
    output = rest.answer("GET", f"/user/{someone}/ratings/latest")
    assert output["limit"] == 20
    assert ids([each["movie"] for each in output["ratings"]]) == [5, 3, 2, 1]


# Watched items


def test_put_watched_stores_the_item_mean_as_implicit_rating(
    app: Flask, rest: Rest, someone: int
) -> None:
    output = rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    assert output == {"movie_id": 1, "user_id": someone, "watched": True}
    assert stored(app) == [(someone, 1, 4.0, True)]
    (shown,) = rest.answer("GET", f"/user/{someone}/ratings/top")["ratings"]
    assert shown["is_implicit"] is True


@pytest.mark.parametrize(("ratings", "expected"), [(4, 3.5), (5, 3.0), (0, 3.5)])
def test_watched_uses_default_rating_when_item_has_few_ratings(
    app: Flask, rest: Rest, someone: int, ratings: int, expected: float
) -> None:
    with app.app_context():
        mean = 3.0 if ratings else None
        figures = update(Item).where(Item.id == 1)
        db.session.execute(figures.values(rating_count=ratings, rating_mean=mean))
        db.session.commit()
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    assert stored(app) == [(someone, 1, expected, True)]


def test_watched_uses_mean_needs_ratings_setting(app: Flask, rest: Rest, someone: int) -> None:
    app.config["MEAN_NEEDS_RATINGS"] = 21
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    assert stored(app) == [(someone, 1, 3.5, True)]


def test_put_watched_keeps_an_explicit_rating(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 1})
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    assert stored(app) == [(someone, 1, 1.0, False)]
    output = rest.answer("DELETE", f"/user/{someone}/watched", {"movie_id": 1})
    assert output == {"movie_id": 1, "user_id": someone, "watched": False}
    assert stored(app) == [(someone, 1, 1.0, False)]


def test_put_rating_replaces_an_implicit_rating(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 1})
    assert stored(app) == [(someone, 1, 1.0, False)]


def test_delete_watched_deletes_the_implicit_rating(app: Flask, rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/watched", {"movie_id": 1})
    rest.answer("DELETE", f"/user/{someone}/watched", {"movie_id": 1})
    assert stored(app) == []


# Recommendations


def test_recommendations_use_the_current_ratings(rest: Rest, someone: int) -> None:
    popular = rest.answer("GET", f"/user/{someone}/recommendations?limit=3")
    assert popular["user_id"] == someone
    assert ids(popular["recommendations"]) == [1, 8, 13]
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 13, "rating": 5})
    answer = rest("GET", f"/user/{someone}/recommendations")
    assert answer.headers["X-Model-Version"] == "20260101-000000-aaaa"
    output = answer.json["recommendations"]
    assert ids(output)[:3] == [8, 21, 34]
    assert 13 not in ids(output)
    assert output[0].keys() == {*MOVIE, "score", "predicted_rating"}
    scores = [each["score"] for each in output]
    assert scores == sorted(scores, reverse=True)


def test_recommendations_exclude_hidden_items(app: Flask, rest: Rest, someone: int) -> None:
    with app.app_context():
        hidden = ListEntry(user_id=someone, item_id=1, kind="hidden", marked_at=clock.utcnow())
        db.session.add(hidden)
        db.session.commit()
    assert ids(rest.answer("GET", f"/user/{someone}/recommendations")["recommendations"])[0] == 8
    output = rest.answer("POST", "/recommendations/batch", {"requests": [{"user_id": someone}]})
    assert ids(output["results"][0]["recommendations"])[0] == 8


def test_batch_returns_the_same_as_single_requests(app: Flask, rest: Rest, someone: int) -> None:
    other = rest.answer("PUT", "/user", {"gender": "M", "year_of_birth": 1970})["user_id"]
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 13, "rating": 5})
    anonymous = {"ratings": [{"movie_id": 13, "rating": 4.9}]}
    requests = [{"user_id": someone}, anonymous, {"user_id": other}, {"ratings": []}]
    before = stored(app)
    output = rest.answer("POST", "/recommendations/batch", {"limit": 3, "requests": requests})
    single = {
        user: rest.answer("GET", f"/user/{user}/recommendations?limit=3")["recommendations"]
        for user in (someone, other)
    }
    lists = [each["recommendations"] for each in output["results"]]
    assert [each.get("user_id", "nobody") for each in output["results"]] == [
        someone, "nobody", other, "nobody",
    ]  # fmt: skip
    assert [ids(one) for one in lists] == [
        ids(single[user]) for user in (someone, someone, other, other)
    ]
    assert [r["score"] for r in lists[0]] == pytest.approx([r["score"] for r in single[someone]])
    assert stored(app) == before


def test_batch_runs_the_same_number_of_queries_for_any_number_of_users(
    rest: Rest, someone: int, count_queries: Callable[[], list[str]]
) -> None:
    users = [someone] + [
        rest.answer("PUT", "/user", {"gender": "M", "year_of_birth": 1970})["user_id"]
        for _ in range(20)
    ]
    for user in users:
        rest.answer("PUT", f"/user/{user}/rating", {"movie_id": 13, "rating": 5})
    recorded = count_queries()
    counts = []
    for some in (users[:1], users[:1], users):  # the first one finds out what is available
        before = len(recorded)
        requests = [{"user_id": user} for user in some]
        rest.answer("POST", "/recommendations/batch", {"requests": requests})
        counts.append(len(recorded) - before)
    assert counts[1] == counts[2] <= 7


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/user/{}", 4),
        ("/user/{}/ratings/top", 5),
        ("/user/{}/ratings/latest", 5),
        ("/user/{}/recommendations", 7),
        ("/user/{}/because/21", 7),
        ("/movies/top", 4),
        ("/movie/1/similar", 5),
        ("//features?user_id={}", 5),
    ],
)
def test_operations_run_a_fixed_number_of_queries_for_any_length_of_answer(
    rest: Rest, someone: int, count_queries: Callable[[], list[str]], path: str, most: int
) -> None:
    for movie_id in (1, 2, 3, 8, 13):
        rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": movie_id, "rating": 4})
    recorded = count_queries()
    before = len(recorded)
    rest.answer("GET", path.format(someone))
    assert len(recorded) - before <= most


# Titles


def test_get_movie_returns_the_movie_of_the_id(rest: Rest) -> None:
    assert rest.answer("GET", "/movie/2") == MOVIE


def test_get_movie_returns_the_description_of_the_release(app: Flask, rest: Rest) -> None:
    with app.app_context():
        db.session.get(Item, 2).description = "Pirates, in space."
        db.session.commit()
    assert rest.answer("GET", "/movie/2")["description"] == "Pirates, in space."


def test_top_movies_are_sorted_by_rating_count_then_mean(app: Flask, rest: Rest) -> None:
    with app.app_context():
        db.session.execute(update(Item).where(Item.id == 34).values(rating_count=20))
        db.session.commit()
    output = rest.answer("GET", "/movies/top")["top_movies"]
    assert ids([each["movie"] for each in output]) == [1, 34, 8, 13, 2, 21, 3, 5]
    assert output[4] == {"avg_rating": pytest.approx(3.9), "votes": 10, "movie": MOVIE}
    assert len(rest.answer("GET", "/movies/top?limit=2")["top_movies"]) == 2


def test_similar_returns_the_nearest_items(rest: Rest) -> None:
    output = rest.answer("GET", "/movie/1/similar?limit=2")
    assert output["movie_id"] == 1
    assert ids(output["similar"]) == [2, 3]
    assert rest.answer("GET", "/movie/55/similar") == {"movie_id": 55, "similar": []}


def test_estimate_is_within_the_rating_scale(rest: Rest, someone: int) -> None:
    rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": 1, "rating": 5})
    output = rest.answer("GET", f"/user/{someone}/estimate/2")
    assert output.keys() == {"user_id", "movie_id", "predicted_rating"}
    assert 3.5 < output["predicted_rating"] <= 5


def test_explanation_contributions_add_up_to_the_score(rest: Rest, someone: int) -> None:
    for movie_id, rating in ((1, 5), (2, 4), (13, 1)):
        body = {"movie_id": movie_id, "rating": rating}
        rest.answer("PUT", f"/user/{someone}/rating", body)
    output = rest.answer("GET", f"/user/{someone}/because/3")
    parts = [each["contribution"] for each in output["because"]]
    assert parts == sorted(parts, reverse=True)
    assert sum(parts) + output["popularity"] == pytest.approx(output["score"], rel=1e-12)
    assert {each["movie"]["movie_id"]: each["rating"] for each in output["because"]} == {
        1: 5.0,
        2: 4.0,
        13: 1.0,
    }
    recommended = rest.answer("GET", f"/user/{someone}/recommendations")["recommendations"]
    (listed,) = [each for each in recommended if each["movie_id"] == 3]
    assert listed["score"] == pytest.approx(output["score"], rel=1e-5)


@pytest.mark.parametrize("row", ["estimate", "because"])
def test_estimate_is_404_when_item_is_not_in_the_release(
    rest: Rest, someone: int, row: str
) -> None:
    answer = rest("GET", f"/user/{someone}/{row}/55")
    assert answer.status_code == 404
    assert "knows no ratings of movie 55" in answer.json["message"]


def test_search_corrects_a_typo(rest: Rest) -> None:
    assert ids(rest.answer("GET", "/search?q=amelei")["movies"]) == [8]
    assert len(rest.answer("GET", "/search?q=space&limit=2")["movies"]) == 2


# The two rows without the base path


def test_legacy_recommendations_return_ids_or_metadata(rest: Rest, someone: int) -> None:
    output = rest.answer("GET", f"//recommendations?user_id={someone}")
    assert output["items"][:2] == [{"id": 1}, {"id": 8}]
    for printed, keys in (("false", {"id"}), ("true", {"id", "title", "genres"})):
        output = rest.answer("GET", f"//recommendations?user_id={someone}&returnMetadata={printed}")
        assert output["items"][0].keys() == keys
    assert output["items"][1] == {
        "id": 8,
        "title": "Amélie in Love",
        "genres": ["Romance", "Comedy"],
    }


def test_legacy_features_are_the_ids_of_rated_items(rest: Rest, someone: int) -> None:
    for movie_id in (8, 1, 34):
        rest.answer("PUT", f"/user/{someone}/rating", {"movie_id": movie_id, "rating": 4})
    output = rest.answer("GET", f"//features?user_id={someone}")
    assert output == {"features": [{"histories": [1, 8, 34]}]}


# Together with the site


def test_put_rating_appears_on_the_site_and_stores_the_prediction(
    app: Flask, ann: FlaskClient
) -> None:
    with app.app_context():
        ann_id = db.session.scalars(select(User.id)).one()
    hers = client_with_token(app, "ann's", ann_id)
    hers.answer("PUT", f"/user/{ann_id}/rating", {"movie_id": 1, "rating": 4.5})
    assert (
        'value="4.5" aria-label="four and a half stars" required checked'
        in ann.get("/ratings").text
    )
    with app.app_context():
        row = db.session.scalars(select(Rating)).one()
    assert (row.via, row.community, row.model_version) == ("rest", 4.0, "20260101-000000-aaaa")
    assert row.predicted is not None


def test_watched_item_can_be_rated_on_the_site_and_undone(
    app: Flask, ann: FlaskClient, rest: Rest
) -> None:
    with app.app_context():
        ann_id = db.session.scalars(select(User.id)).one()
    rest.answer("PUT", f"/user/{ann_id}/watched", {"movie_id": 2})
    assert ann.get("/ratings").status_code == 200
    rated = ann.post(
        "/title/2/rating", data={"rating": "4"}, headers={"Accept": "application/json"}
    )
    assert rated.json["undo"] == {"address": "/title/2/rating/delete"}


def test_login_rejects_an_account_without_password(rest: Rest, app: Flask) -> None:
    rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})
    for name in ("", "None", "21"):
        form = {"username": name, "password": PASSWORD}
        assert app.test_client().post("/login", data=form).status_code == 422


def test_game_path_is_404_when_the_catalogue_has_movies(rest: Rest) -> None:
    assert rest("GET", "/game/1").status_code == 404


# Before the first release


def test_api_is_503_for_model_operations_only_when_there_is_no_release(
    closed_app: Flask,
) -> None:
    rest = client_with_token(closed_app, "service")
    user = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})["user_id"]
    for method, path, body in (
        ("GET", f"/user/{user}/recommendations", None),
        ("GET", f"//recommendations?user_id={user}", None),
        ("POST", "/recommendations/batch", {"requests": [{"user_id": user}]}),
    ):
        answer = rest(method, path, **({"json": body} if body else {}))
        assert answer.status_code == 503
        assert answer.json.keys() == {"code", "message"}
        assert "no release has been promoted yet" in answer.json["message"]
    assert rest.answer("GET", "/movies/top") == {"top_movies": []}
    assert rest.answer("GET", "/search?q=space") == {"movies": []}


def test_responses_name_the_release_that_they_used(app: Flask, rest: Rest) -> None:
    with app.app_context():
        version = serving.watcher.model.version
    assert rest("GET", "/movie/1/similar").headers["X-Model-Version"] == version
