"""The REST contract, row by row, on MovieLens latest-small with its users imported."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.extensions import db
from app.models import SiteState
from recommender.storage.release_store import ReleaseStore
from tests.support.api import Rest, client_with_token
from tests.support.commands import run
from tests.support.site import settings

USER, MOVIE = 50, 296
TEXT, MOMENT = str, datetime
MOVIE_SHAPE = {
    "movie_id": int,
    "title": TEXT,
    "year": int,
    "genres": TEXT,
    "description": None,
}
RECOMMENDED = {**MOVIE_SHAPE, "score": float, "predicted_rating": float}
RATED = {"is_implicit": bool, "movie": MOVIE_SHAPE, "rating": float, "ts": MOMENT}
ROWS: list[tuple[str, str, Any, Any]] = [
    ("GET", f"/user/{USER}", None, {"user_id": int, "gender": None, "year_of_birth": None}),
    (
        "PUT",
        "/user",
        {"gender": "F", "year_of_birth": 1990},
        {"user_id": int, "gender": TEXT, "year_of_birth": int},
    ),
    ("PUT", "/movie", {"title": "Pulp Fiction", "imdb_id": "tt0110912"}, MOVIE_SHAPE),
    (
        "GET",
        f"/user/{USER}/ratings/top?limit=5",
        None,
        {"user_id": int, "limit": int, "ratings": [RATED]},
    ),
    (
        "GET",
        f"/user/{USER}/ratings/latest?limit=5",
        None,
        {"user_id": int, "limit": int, "ratings": [RATED]},
    ),
    (
        "PUT",
        f"/user/{USER}/rating",
        {"movie_id": MOVIE, "rating": 3.8},
        {"is_implicit": bool, "movie_id": int, "rating": float, "ts": MOMENT, "user_id": int},
    ),
    (
        "DELETE",
        f"/user/{USER}/rating",
        {"movie_id": MOVIE},
        {"movie_id": int, "msg": TEXT, "user_id": int},
    ),
    (
        "PUT",
        f"/user/{USER}/watched",
        {"movie_id": MOVIE},
        {"movie_id": int, "user_id": int, "watched": bool},
    ),
    (
        "DELETE",
        f"/user/{USER}/watched",
        {"movie_id": MOVIE},
        {"movie_id": int, "user_id": int, "watched": bool},
    ),
    (
        "GET",
        f"/user/{USER}/recommendations",
        None,
        {"user_id": int, "recommendations": [RECOMMENDED]},
    ),
    ("GET", f"/movie/{MOVIE}", None, MOVIE_SHAPE),
    (
        "GET",
        "/movies/top",
        None,
        {"top_movies": [{"avg_rating": float, "votes": int, "movie": MOVIE_SHAPE}]},
    ),
    ("GET", f"//recommendations?user_id={USER}", None, {"items": [{"id": int}]}),
    (
        "GET",
        f"//recommendations?user_id={USER}&returnMetadata=true",
        None,
        {"items": [{"id": int, "title": TEXT, "genres": [TEXT]}]},
    ),
    ("GET", f"//features?user_id={USER}", None, {"features": [{"histories": [int]}]}),
    (
        "POST",
        "/recommendations/batch",
        {"limit": 10, "requests": [{"user_id": USER}]},
        {"results": [{"user_id": int, "recommendations": [RECOMMENDED]}]},
    ),
    (
        "POST",
        "/recommendations/batch",
        {"limit": 10, "requests": [{"ratings": [{"movie_id": 1, "rating": 4.5}]}]},
        {"results": [{"recommendations": [RECOMMENDED]}]},
    ),
    ("GET", f"/movie/{MOVIE}/similar", None, {"movie_id": int, "similar": [MOVIE_SHAPE]}),
    (
        "GET",
        f"/user/{USER}/estimate/{MOVIE}",
        None,
        {"user_id": int, "movie_id": int, "predicted_rating": float},
    ),
    (
        "GET",
        f"/user/{USER}/because/{MOVIE}",
        None,
        {
            "user_id": int,
            "movie_id": int,
            "score": float,
            "popularity": float,
            "because": [{"movie": MOVIE_SHAPE, "rating": float, "contribution": float}],
        },
    ),
    ("GET", "/search?q=pulp+ficton", None, {"movies": [MOVIE_SHAPE]}),
    ("DELETE", "/user/610", None, {"msg": TEXT, "user_id": int}),
]


@pytest.fixture(scope="module")
def site(
    trained_store: ReleaseStore,
    movielens: Path,
    migrated: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Flask]:
    database = tmp_path_factory.mktemp("contract") / "site.db"
    shutil.copy(migrated, database)
    app = create_app(settings(database, trained_store.folder), TESTING=True)
    assert run(app, "import-ratings", str(movielens))[0] == 0
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def rest(site: Flask) -> Rest:
    return client_with_token(site, "service")


@pytest.fixture(scope="module")
def given(movielens: Path) -> dict[int, list[tuple[int, float, int]]]:
    """(movie, stars, seconds) by user, from the data set."""
    by_user = defaultdict(list)
    with (movielens / "ratings.csv").open() as text:
        for row in csv.DictReader(text):
            rated = int(row["movieId"]), float(row["rating"]), int(row["timestamp"])
            by_user[int(row["userId"])].append(rated)
    return by_user


def check(value: Any, shape: Any, path: str = "") -> None:
    """Check that the value has exactly the fields and types of the shape."""
    if isinstance(shape, dict):
        assert value.keys() == shape.keys(), path
        for name, inner in shape.items():
            check(value[name], inner, f"{path}.{name}")
    elif isinstance(shape, list):
        assert value, path
        for each in value:
            check(each, shape[0], f"{path}[]")
    elif shape is MOMENT:
        assert datetime.fromisoformat(value).tzinfo is not None, path
    elif shape is None:
        assert value is None, path
    else:
        assert type(value) is shape, (path, value)


@pytest.mark.parametrize(
    ("method", "path", "body", "shape"), ROWS, ids=[f"{m} {p}" for m, p, _, _ in ROWS]
)
def test_api_response_matches_the_documented_shape(
    rest: Rest, method: str, path: str, body: Any, shape: Any
) -> None:
    check(rest.answer(method, path, body), shape)


def test_user_ids_follow_those_of_the_610_users_of_the_data_set(site: Flask, rest: Rest) -> None:
    with site.app_context():
        last = db.session.scalar(db.select(SiteState.last_user_id))
    assert last >= 610
    new = rest.answer("PUT", "/user", {"gender": None, "year_of_birth": None})
    assert new["user_id"] == last + 1


@pytest.mark.parametrize("user", [1, 50, 414])
def test_rating_lists_equal_the_sorted_data_set(
    rest: Rest, given: dict[int, list[tuple[int, float, int]]], user: int
) -> None:
    orders = {"top": lambda r: (-r[1], -r[2]), "latest": lambda r: (-r[2], -r[1])}
    for kind, order in orders.items():
        output = rest.answer("GET", f"/user/{user}/ratings/{kind}?limit=1000")["ratings"]
        found = [
            (r["movie"]["movie_id"], r["rating"], datetime.fromisoformat(r["ts"]).timestamp())
            for r in output
            if r["movie"]["movie_id"] != MOVIE
        ]
        expected = [r for r in given[user] if r[0] != MOVIE]
        assert [order(r) for r in found] == sorted(map(order, expected))[: len(found)]
        assert set(found) <= set(expected)
        assert len(found) >= min(999, len(expected))


def test_features_are_the_items_that_the_user_rated(
    rest: Rest, given: dict[int, list[tuple[int, float, int]]]
) -> None:
    output = rest.answer("GET", "//features?user_id=1")["features"][0]["histories"]
    assert output == sorted(movie for movie, _, _ in given[1])


def test_top_movies_are_the_most_rated(
    rest: Rest, given: dict[int, list[tuple[int, float, int]]]
) -> None:
    output = rest.answer("GET", "/movies/top")["top_movies"]
    assert len(output) == 100
    figures = [(each["votes"], each["avg_rating"]) for each in output]
    assert figures == sorted(figures, reverse=True)
    counts: dict[int, int] = defaultdict(int)
    for rated in given.values():
        for movie, _, _ in rated:
            counts[movie] += 1
    first = output[0]
    assert first["movie"]["title"] == "Forrest Gump"
    assert first["votes"] in (counts[356], counts[356] - 1)


def test_recommendations_are_20_by_default_and_exclude_rated_items(
    rest: Rest, given: dict[int, list[tuple[int, float, int]]]
) -> None:
    output = rest.answer("GET", "/user/1/recommendations")["recommendations"]
    assert len(output) == 20
    assert not {r["movie_id"] for r in output} & {movie for movie, _, _ in given[1]}
    scores = [r["score"] for r in output]
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 <= r["predicted_rating"] <= 5 for r in output)
    assert len(rest.answer("GET", "/user/1/recommendations?limit=7")["recommendations"]) == 7


def test_batch_of_every_user_equals_single_requests(rest: Rest) -> None:
    users = list(range(1, 610))
    requests = [{"user_id": user} for user in users]
    output = rest.answer("POST", "/recommendations/batch", {"limit": 5, "requests": requests})
    assert [each["user_id"] for each in output["results"]] == users
    for user in (1, 50, 414, 599):
        single = rest.answer("GET", f"/user/{user}/recommendations?limit=5")["recommendations"]
        batched = output["results"][user - 1]["recommendations"]
        assert [r["movie_id"] for r in batched] == [r["movie_id"] for r in single]
        assert [r["score"] for r in batched] == pytest.approx([r["score"] for r in single])


def test_rating_times_equal_the_data_set(
    rest: Rest, given: dict[int, list[tuple[int, float, int]]]
) -> None:
    movie, stars, seconds = max(given[3], key=lambda r: (r[2], r[1]))
    (output,) = rest.answer("GET", "/user/3/ratings/latest?limit=1")["ratings"]
    assert (output["rating"], output["ts"]) == (
        stars,
        datetime.fromtimestamp(seconds, UTC).isoformat(),
    )
    assert movie in {m for m, s, at in given[3] if (s, at) == (stars, seconds)}
