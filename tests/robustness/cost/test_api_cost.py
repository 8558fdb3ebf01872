"""The maximum cost of a REST API request, on a site as large as MovieLens latest-small."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from marshmallow import fields

from app.api import request_schemas
from tests.support.api import Rest, client_with_token
from tests.support.large_site import (
    add_users,
    large_site,
    peak_bytes,
    processor_seconds,
    rate_everything,
)

BATCH = "/recommendations/batch"
JSON = "application/json"
# Test machines may be several times slower than the one of the measurements.
MOST_SECONDS = 5.0
MOST_BYTES = 100_000_000


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with large_site(migrated, tmp_path_factory.mktemp("large")) as app:
        yield app


@pytest.fixture(scope="module")
def users(site: Flask) -> list[int]:
    """Ids of users who rated everything."""
    ids = add_users(site, 21)
    for user_id in ids:
        rate_everything(site, user_id)
    return ids


@pytest.fixture(scope="module")
def api(site: Flask) -> Rest:
    return client_with_token(site, "cost")


def anonymous(requests: int, ratings: int) -> list[dict[str, Any]]:
    return [
        {
            "ratings": [
                {"movie_id": 1 + (r * ratings + n) % 9_000, "rating": 4} for n in range(ratings)
            ]
        }
        for r in range(requests)
    ]


def test_batch_ranks_a_repeated_user_once(api: Rest, users: list[int]) -> None:
    body = {"requests": [{"user_id": users[0]}] * 1000}
    answers: list[Any] = []
    assert processor_seconds(lambda: answers.append(api.answer("POST", BATCH, body))) < MOST_SECONDS
    results = answers[0]["results"]
    assert len(results) == 1000
    assert all(result == results[0] for result in results)


def test_batch_is_rejected_when_users_have_too_many_ratings(api: Rest, users: list[int]) -> None:
    body = {"requests": [{"user_id": user_id} for user_id in users]}
    answer = api("POST", BATCH, json=body)
    assert answer.status_code == 422
    assert "at most 200,000; send several batches" in answer.json["message"]
    body["requests"].pop()
    assert api("POST", BATCH, json=body).status_code == 200


def test_batch_limit_adds_ratings_of_lists_and_users(api: Rest, users: list[int]) -> None:
    body = {"requests": [*({"user_id": u} for u in users[:20]), *anonymous(300, 25)]}
    assert api("POST", BATCH, json=body).status_code == 422


def test_batch_stays_within_time_and_memory_at_the_largest_size(
    api: Rest, users: list[int]
) -> None:
    requests = [*({"user_id": u} for u in users[:9]), *anonymous(991, 110)]
    body = {"limit": 20, "requests": requests}
    assert processor_seconds(lambda: api.answer("POST", BATCH, body)) < MOST_SECONDS
    assert peak_bytes(lambda: api.answer("POST", BATCH, body)) < MOST_BYTES


@pytest.mark.parametrize(
    "body",
    [
        b'{"requests": [{"ratings": [' + b",".join([b"0"] * 490_000) + b"]}]}",
        b'{"requests": [{"ratings": [' + b",".join([b"{}"] * 330_000) + b"]}]}",
        b'{"requests": [' + b",".join([b"0"] * 490_000) + b"]}",
        b'{"requests": [' + b",".join([b'{"ratings":[0]}'] * 60_000) + b"]}",
        b'{"requests": [' + b",".join([b'{"ratings":[0,0,0,0]}'] * 1_000) + b"]}",
    ],
    ids=["numbers", "empty ratings", "no requests", "too many requests", "requests"],
)
def test_batch_names_only_the_first_twenty_errors(api: Rest, body: bytes) -> None:
    answers: list[Any] = []
    seconds = processor_seconds(
        lambda: answers.append(api("POST", BATCH, data=body, content_type=JSON))
    )
    assert answers[0].status_code == 422
    assert len(answers[0].json["message"].split("; ")) <= 20
    assert len(answers[0].data) < 5_000
    assert seconds < 1.0


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1.5"])
def test_batch_with_too_many_values_is_rejected_before_it_is_parsed(
    api: Rest, value: bytes
) -> None:
    body = b'{"requests": [' + b",".join([value] * (15_000_000 // (len(value) + 1))) + b"]}"
    answers: list[Any] = []
    assert peak_bytes(
        lambda: answers.append(api("POST", BATCH, data=body, content_type=JSON))
    ) < 4 * len(body)
    assert answers[0].status_code == 422
    assert "has more than 610,000 values" in answers[0].json["message"]


def test_body_is_rejected_when_it_has_many_unknown_fields(api: Rest, users: list[int]) -> None:
    body = {f"field {n}": 0 for n in range(1_000)}
    answer = api("PUT", f"/user/{users[0]}/rating", json=body)
    assert answer.status_code == 422
    assert answer.json["message"] == "Has 1,000 fields; it may have 50."


@pytest.mark.parametrize(
    ("method", "path", "how"),
    [
        ("PUT", "/user/1000/rating", {"json": {"x" * 30_000: 1}}),
        ("GET", "/user/1000?" + "&".join(f"name{n}=1" for n in range(5_000)), {}),
        ("GET", "/user/1000?" + "x" * 50_000 + "=1", {}),
        ("POST", BATCH, {"json": {"requests": [{"user_id": 10**4000}]}}),
        ("POST", BATCH, {"json": {"requests": [{"ratings": [{"y" * 9_000: 1}] * 40}]}}),
    ],
    ids=["field", "parameters", "parameter", "id", "fields"],
)
def test_error_message_is_short_when_input_is_long(
    api: Rest, users: list[int], method: str, path: str, how: dict[str, Any]
) -> None:
    answer = api(method, path, **how)
    assert answer.status_code in (404, 422)
    sentences = answer.json["message"].split("; ")
    assert len(sentences) <= 20
    assert max(map(len, sentences)) <= 200


# The fast rating parser, compared with the documented schema

ODD_RATINGS = [
    {"movie_id": 1, "rating": 4},
    {"movie_id": 1.0, "rating": 3.8},
    {"movie_id": 1, "rating": 0},
    {"movie_id": 1, "rating": 5.0},
    {"movie_id": 1, "rating": 5.1},
    {"movie_id": 1, "rating": -0.1},
    {"movie_id": 1, "rating": True},
    {"movie_id": True, "rating": 4},
    {"movie_id": "1", "rating": 4},
    {"movie_id": 1, "rating": "4"},
    {"movie_id": 1.5, "rating": 4},
    {"movie_id": 1e999, "rating": 4},
    {"movie_id": 1, "rating": 1e999},
    {"movie_id": None, "rating": None},
    {"movie_id": [], "rating": {}},
    {"movie_id": 1},
    {"rating": 1},
    {"movie_id": 1, "rating": 1, "more": 1},
    {"movie_id": 1, "hours": 1},
    {},
    [],
    None,
    5,
    "text",
]


@pytest.mark.parametrize("item", ODD_RATINGS, ids=repr)
def test_rating_list_validates_as_the_documented_schema(site: Flask, item: Any) -> None:
    with site.app_context():
        quick = outcome(request_schemas.RatingList(), [item])
        documented = outcome(fields.List(fields.Nested(request_schemas.MovieRatingSchema)), [item])
    if isinstance(documented, list):
        documented = [(one["movie_id"], one["rating"]) for one in documented]
    assert json.dumps(quick) == json.dumps(documented)


def outcome(field: fields.Field, value: Any) -> Any:
    """Return the parsed value of a field, or its error messages."""
    try:
        return field.deserialize(value)
    except ma.ValidationError as error:
        return error.messages


@pytest.mark.parametrize(
    "path",
    [
        "/user/{}/recommendations?limit=1000",
        "/user/{}/ratings/latest?limit=1000",
        "/user/{}/estimate/9742",
        "/user/{}/because/9742",
        "//features?user_id={}",
    ],
)
def test_operations_stay_within_time_and_memory_when_a_user_rated_everything(
    api: Rest, users: list[int], path: str
) -> None:
    address = path.format(users[0])
    api.answer("GET", address)
    assert processor_seconds(lambda: api.answer("GET", address)) < MOST_SECONDS
    assert peak_bytes(lambda: api.answer("GET", address)) < MOST_BYTES
