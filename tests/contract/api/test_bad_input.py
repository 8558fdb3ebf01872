"""Invalid requests get a 4xx response with code and message, and write nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask

from tests.support.api import Rest, people, stored

JSON = "application/json"
HUGE = 10**30


def refused(answer: Any, code: int, *printed: str) -> None:
    assert answer.status_code == code, answer.text
    assert answer.mimetype == JSON
    assert answer.json.keys() == {"code", "message"}
    assert answer.json["code"] == code
    for words in printed:
        assert words in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/user/999", "there is no user 999"),
        (f"/user/{HUGE}", f"there is no user {HUGE}"),
        ("/user/-1", "there is no user -1"),
        ("/user/2147483648", "there is no user 2147483648"),
        ("/user/999/ratings/top", "there is no user 999"),
        ("/user/999/ratings/latest", "there is no user 999"),
        ("/user/999/recommendations", "there is no user 999"),
        ("/user/999/estimate/1", "there is no user 999"),
        ("/user/999/because/1", "there is no user 999"),
        (f"//recommendations?user_id={HUGE}", f"there is no user {HUGE}"),
        ("//features?user_id=999", "there is no user 999"),
        ("/movie/4", "there is no movie 4"),
        (f"/movie/{HUGE}", f"there is no movie {HUGE}"),
        ("/movie/4/similar", "there is no movie 4"),
    ],
)
def test_path_is_404_and_names_the_id_when_it_is_unknown(rest: Rest, path: str, named: str) -> None:
    refused(rest("GET", path), 404, named)


@pytest.mark.parametrize("number", ["x", "1.5", "1e3", "٣", "9" * 41, "9" * 5000, "%00", "0x1"])
def test_path_is_404_when_the_id_is_not_a_number(rest: Rest, number: str) -> None:
    refused(rest("GET", f"/user/{number}"), 404)
    refused(rest("GET", f"/movie/{number}"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "rating"), ("DELETE", "rating"), ("PUT", "watched"), ("DELETE", "watched")],
)
@pytest.mark.parametrize("movie_id", [4, HUGE, -1])
def test_body_is_404_when_the_movie_is_unknown(
    app: Flask, rest: Rest, someone: int, method: str, path: str, movie_id: int
) -> None:
    body = {"movie_id": movie_id, **({"rating": 4} if (method, path) == ("PUT", "rating") else {})}
    answer = rest(method, f"/user/{someone}/{path}", json=body)
    refused(answer, 404, f"there is no movie {movie_id}")
    assert stored(app) == []


BODIES = [
    b"",
    b"[]",
    b'"text"',
    b"5",
    b"null",
    b"true",
    b"{",
    b"{'movie_id': 1}",
    b"\xff\xfe",
    b"[" * 30_000,
    b'{"movie_id": 1, "rating": NaN}',
    b'{"movie_id": 1, "rating": Infinity}',
    b'{"movie_id": 1, "rating": -Infinity}',
    b'{"movie_id": 1, "rating": 1e999}',
    b'{"movie_id": NaN, "rating": 1}',
    b'{"movie_id": ' + b"9" * 6000 + b', "rating": 1}',
    b'{"movie_id": 1, "rating": ' + b"9" * 400 + b"}",
    b'{"movie_id": 1}',
    b'{"rating": 1}',
    b'{"movie_id": 1, "rating": 1, "more": 1}',
    b'{"movie_id": "one", "rating": 1}',
    b'{"movie_id": "", "rating": 1}',
    b'{"movie_id": " 1", "rating": 1}',
    b'{"movie_id": "1.5", "rating": 1}',
    b'{"movie_id": "1e0", "rating": 1}',
    b'{"movie_id": "\\u0661", "rating": 1}',
    b'{"movie_id": 1.5, "rating": 1}',
    b'{"movie_id": true, "rating": 1}',
    b'{"movie_id": [1], "rating": 1}',
    b'{"movie_id": null, "rating": 1}',
    b'{"movie_id": 1, "rating": "good"}',
    b'{"movie_id": 1, "rating": ""}',
    b'{"movie_id": 1, "rating": "3,5"}',
    b'{"movie_id": 1, "rating": "NaN"}',
    b'{"movie_id": 1, "rating": "5.5"}',
    b'{"movie_id": 1, "rating": "-1"}',
    b'{"movie_id": 1, "rating": "4\\n"}',
    b'{"movie_id": 1, "rating": true}',
    b'{"movie_id": 1, "rating": null}',
    b'{"movie_id": 1, "rating": {}}',
    b'{"movie_id": 1, "rating": 1, "_schema": 1}',
    b'{"movie_id": 1, "rating": 1, "user_id": 2}',
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:32].decode("latin-1"))
def test_put_rating_is_422_and_writes_nothing_when_body_is_malformed(
    app: Flask, rest: Rest, someone: int, body: bytes
) -> None:
    answer = rest("PUT", f"/user/{someone}/rating", data=body, content_type=JSON)
    refused(answer, 422)
    assert stored(app) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"gender": "F"},
        {"year_of_birth": 1990},
        {"gender": 5, "year_of_birth": 1990},
        {"gender": "", "year_of_birth": 1990},
        {"gender": "x" * 17, "year_of_birth": 1990},
        {"gender": "M\n", "year_of_birth": 1990},
        {"gender": "\x00", "year_of_birth": 1990},
        {"gender": "\ud800", "year_of_birth": 1990},
        {"gender": "F", "year_of_birth": "1990 AD"},
        {"gender": "F", "year_of_birth": "1899"},
        {"gender": "F", "year_of_birth": ""},
        {"gender": "F", "year_of_birth": 1899},
        {"gender": "F", "year_of_birth": 9999},
        {"gender": "F", "year_of_birth": HUGE},
        {"gender": "F", "year_of_birth": True},
        {"gender": "F", "year_of_birth": 1990, "id": 1},
    ],
)
def test_put_user_is_422_and_adds_nobody_when_body_is_malformed(
    app: Flask, rest: Rest, body: dict[str, Any]
) -> None:
    refused(rest("PUT", "/user", json=body), 422)
    assert people(app) == []


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([{}], 422),
        ([{"user_id": 21, "ratings": []}], 422),
        ([{"user_id": "x"}], 422),
        ([[]], 422),
        ({}, 422),
        (None, 422),
        ([{"ratings": [{"movie_id": 1}]}], 422),
        ([{"ratings": [{"movie_id": 1, "rating": 6}]}], 422),
        ([{"ratings": {"1": 4}}], 422),
        ([{"ratings": []}] * 1001, 422),
        ([{"user_id": HUGE}], 404),
        ([{"ratings": [{"movie_id": HUGE, "rating": 4}]}], 404),
        ([{"ratings": [{"movie_id": str(HUGE), "rating": "4"}]}], 404),
        ([{"ratings": [{"movie_id": "1", "rating": "6"}]}], 422),
    ],
)
def test_batch_is_rejected_when_malformed(rest: Rest, requests: Any, code: int) -> None:
    refused(rest("POST", "/recommendations/batch", json={"requests": requests}), code)


@pytest.mark.parametrize("limit", [0, 1001, -1, 1.5, "1001", "ten", True, None])
def test_batch_limit_must_be_from_1_to_1000(rest: Rest, limit: Any) -> None:
    refused(rest("POST", "/recommendations/batch", json={"limit": limit, "requests": []}), 422)


def test_batch_is_422_when_answers_would_exceed_20000_items(rest: Rest) -> None:
    body = {"limit": 1000, "requests": [{"ratings": []}] * 21}
    refused(rest("POST", "/recommendations/batch", json=body), 422, "at most 20,000")
    body["requests"].pop()
    rest.answer("POST", "/recommendations/batch", body)


def test_batch_accepts_1000_requests(rest: Rest) -> None:
    output = rest.answer("POST", "/recommendations/batch", {"requests": [{"ratings": []}] * 1000})
    assert len(output["results"]) == 1000


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "x", "", "1e2", "NaN", "٣", "9" * 99])
@pytest.mark.parametrize(
    "path",
    [
        "/user/{}/ratings/top",
        "/user/{}/ratings/latest",
        "/user/{}/recommendations",
        "/movies/top",
        "/movie/1/similar",
    ],
)
def test_limit_parameter_must_be_from_1_to_1000(
    rest: Rest, someone: int, path: str, limit: str
) -> None:
    refused(rest("GET", f"{path.format(someone)}?limit={limit}"), 422, "limit: ")
    assert rest("GET", f"{path.format(someone)}?limit=1000").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/user/{}?x=1",
        "/user/{}/ratings/top?Limit=1",
        "/user/{}/recommendations?limit=1&limit=2",
        "/movie/1?limit=1",
        "/movies/top?offset=1",
        "/search?q=a&q=b",
        "/search",
        "/search?q=",
        "/search?q=" + "x" * 101,
        "//recommendations",
        "//recommendations?user_id=1&returnMetadata=maybe",
        "//recommendations?user_id=x",
        "//features?user_id=1&limit=3",
    ],
)
def test_query_parameter_is_422_when_undocumented(rest: Rest, someone: int, path: str) -> None:
    refused(rest("GET", path.format(someone)), 422)


def test_write_is_422_and_writes_nothing_when_it_has_a_query_parameter(
    app: Flask, rest: Rest, someone: int
) -> None:
    body = {"movie_id": 1, "rating": 4}
    refused(rest("PUT", f"/user/{someone}/rating?force=1", json=body), 422, "force: Unknown field")
    refused(rest("DELETE", f"/user/{someone}?really=1"), 422)
    assert (stored(app), people(app)) == ([], [someone])


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "x"])
def test_body_is_415_when_content_type_is_not_json(
    app: Flask, rest: Rest, someone: int, kind: str
) -> None:
    body = b'{"movie_id": 1, "rating": 4}'
    answer = rest("PUT", f"/user/{someone}/rating", data=body, content_type=kind)
    refused(answer, 415, "application/json")
    assert stored(app) == []


def test_body_is_413_when_over_one_megabyte(app: Flask, rest: Rest, someone: int) -> None:
    body = b'{"movie_id": 1, "rating": 4, "x": "' + b"x" * 1_000_000 + b'"}'
    refused(rest("PUT", f"/user/{someone}/rating", data=body, content_type=JSON), 413)
    assert stored(app) == []


def test_chunked_body_is_413_when_over_one_megabyte(app: Flask, rest: Rest, someone: int) -> None:
    body = b'{"movie_id": 1, "rating": 4}'
    for size, code in ((100, 200), (1_000_001, 413)):
        answer = rest(
            "PUT",
            f"/user/{someone}/rating",
            input_stream=io.BytesIO(body.ljust(size)),
            content_type=JSON,
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code == code


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/user/abc", 404),
        ("PUT", "/user/1.5/rating", 404),
        ("GET", "/movie/abc", 404),
        ("GET", "", 404),
        ("POST", "/user/21", 405),
        ("PATCH", "/user", 405),
    ],
)
def test_errors_outside_of_operations_are_json_with_code_and_message(
    rest: Rest, method: str, path: str, code: int
) -> None:
    answer = rest(method, path, headers={"Accept": "text/html"})
    refused(answer, code, "/api/v1/docs lists all rows")
    if code == 405:
        assert "PUT" in answer.headers["Allow"] or "GET" in answer.headers["Allow"]


def test_internal_error_is_json_without_details(
    app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.catalogue import items as catalogue

    def fail(*_: object) -> None:
        raise RuntimeError("secret details")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(catalogue, "most_rated", fail)
    answer = rest("GET", "/movies/top")
    refused(answer, 500)
    assert "secret" not in answer.text


def test_put_rating_is_404_when_user_is_deleted_meanwhile(
    app: Flask, rest: Rest, someone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.api import routes

    monkeypatch.setattr(routes, "user_or_404", lambda user_id: None)
    answer = rest("PUT", "/user/999/rating", json={"movie_id": 1, "rating": 4})
    refused(answer, 404, "deleted meanwhile")
