"""Limits of request bodies, by sender and type."""

from __future__ import annotations

import re
from io import BytesIO, RawIOBase
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, NoMoreData

from app.http import body_limits
from tests.support.api import Rest

CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def limit_of(client: FlaskClient, **sent: Any) -> int | None:
    """Return the limit of a body that is sent to the import page."""
    with client:
        client.post("/data/import", **sent).close()
        return request.max_content_length


def file() -> dict[str, Any]:
    return {"file": (BytesIO(b"movieId,rating\n"), "ratings.csv")}


def test_upload_limit_is_large_when_a_user_sends_it_from_our_page(ann: FlaskClient) -> None:
    assert limit_of(ann, data=file()) == body_limits.LARGEST_UPLOAD
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert limit_of(ann, data=file(), headers=headers) == body_limits.LARGEST_UPLOAD


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=str,
)
def test_upload_has_the_form_limit_when_another_site_sends_it(
    ann: FlaskClient, headers: dict[str, str]
) -> None:
    assert limit_of(ann, data=file(), headers=headers) == body_limits.BODY_BYTES


def test_upload_has_the_form_limit_when_nobody_is_logged_in(app: Flask) -> None:
    assert limit_of(app.test_client(), data=file()) == body_limits.BODY_BYTES


def test_body_has_the_form_limit_when_content_type_is_not_multipart(ann: FlaskClient) -> None:
    assert limit_of(ann, data={"file": "movieId,rating"}) == body_limits.BODY_BYTES


@pytest.mark.parametrize(
    "path", ["/login", "/register", "/forgotten", "/reset/x", "/data/import", "/data/delete"]
)
def test_form_without_length_is_cut_off_while_streaming(
    app: Flask, ann: FlaskClient, path: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True  # CSRF protection reads the form of every POST
    body = BytesIO(b"a=" + b"b" * 10_000_000)
    answer = ann.post(
        path,
        input_stream=body,
        environ_overrides=CHUNKED,
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 400, "cut off, it has no token"
    assert body.tell() < 3 * body_limits.BODY_BYTES


def test_account_form_has_a_lower_limit(app: Flask) -> None:
    kind, limit = "application/x-www-form-urlencoded", body_limits.ACCOUNT_BYTES
    for size, rejected in ((limit, False), (limit + 1, True)):
        body = b"a=".ljust(size, b"b")
        answer = app.test_client().post("/register", data=body, content_type=kind)
        assert (answer.status_code == 413) == rejected


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("PUT", "/user", body_limits.BODY_BYTES),
        ("POST", "/recommendations/batch", body_limits.BODY_BYTES_BY_ENDPOINT["api.batch"]),
    ],
)
def test_json_body_has_the_limit_of_its_operation(
    rest: Rest, method: str, path: str, limit: int
) -> None:
    for size, refused in ((limit, False), (limit + 1, True)):
        answer = rest(method, path, data=b"{}".ljust(size), content_type="application/json")
        assert (answer.status_code == 413) == refused


class BrokenBody(RawIOBase):
    """A body whose reading fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def readinto(self, _buffer: object) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error", [InvalidChunkSize(b"x"), ChunkMissingTerminator(b"x"), NoMoreData()], ids=repr
)
@pytest.mark.parametrize("path", ["/login", "/data/import"])
def test_body_is_400_when_chunks_are_malformed(
    app: Flask, ann: FlaskClient, path: str, error: Exception
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    answer = ann.post(
        path,
        environ_overrides={**CHUNKED, "wsgi.input": BrokenBody(error)},
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("referrer", ["https://[", "https://localhost:99999/", "é"])
def test_form_is_rejected_when_referrer_is_not_a_url(app: Flask, referrer: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    page = client.get("/login", base_url="https://localhost").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "username": "nobody", "password": "a long one"}

    def send(referrer: str) -> int:
        headers = {"Referer": referrer}
        sent = client.post("/login", base_url="https://localhost", data=form, headers=headers)
        return sent.status_code

    assert send(referrer) == 400
    assert send("https://localhost/login") == 422
