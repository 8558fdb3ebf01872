"""The OpenAPI document, the interactive page, and fuzzing based on the document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis

# Imported lazily otherwise, in the middle of a test, where CPython 3.11 may fail to parse a module:
# https://github.com/python/cpython/issues/106905
import schemathesis.generation.jsonschema.builder
from flask import Flask
from flask.testing import FlaskClient
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.accounts import api_tokens
from app.extensions import db, limiter
from app.http.body_limits import BODY_BYTES
from app.models import User
from tests.support.api import BASE, Rest
from tests.support.fuzzing import fuzz

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def fuzzed(app: Flask, rest: Rest, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A site that returns error responses for exceptions, without rate limits."""
    monkeypatch.setattr(limiter, "enabled", False)
    app.config.update(PROPAGATE_EXCEPTIONS=False)
    return app


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("role", ["service", "person", "nobody"])
def test_responses_conform_to_the_openapi_document(
    fuzzed: Flask, mode: GenerationMode, role: str
) -> None:
    schema = schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", fuzzed)
    tried = 0
    for operation in schema.get_all_operations():
        try:
            fuzzed_row(operation.ok(), mode, role, headers_of(fuzzed, role))()
        except Unsatisfiable:  # an operation without fields has no malformed ones
            continue
        tried += 1
    assert tried >= 15


def fuzzed_row(
    operation: APIOperation, mode: GenerationMode, role: str, headers: dict[str, str]
) -> Callable[[], None]:
    cases = operation.as_strategy(generation_mode=mode)

    @fuzz(f"API: {mode.value} data, {role}", *TRIES[role], case=cases)
    def attempt(case: schemathesis.Case) -> None:
        answer = case.call_and_validate(headers=headers, checks=checks_of(case))
        assert answer.headers["x-content-type-options"] == ["nosniff"]
        assert role != "nobody" or answer.status_code in (401, 404, 405)

    return attempt


def checks_of(case: schemathesis.Case) -> list[Any]:
    """Return the checks of a case.

    Lists and objects in a query are sent as their parts, if any: malformed values may become valid.
    A long body is rejected as too large (413), which is no rejection in the eyes of that check.
    """
    in_parts = any(isinstance(value, list | dict) for value in (case.query or {}).values())
    is_long = len(json.dumps(case.body, default=repr)) > BODY_BYTES
    left_out = negative_data_rejection if in_parts or is_long else None
    return [check for check in CHECKS if check is not left_out]


def headers_of(app: Flask, role: str) -> dict[str, str]:
    """Return headers with a token of user 1, or of a service.

    Examples may delete this user or the two others, so each operation gets new ones.
    """
    if role == "nobody":
        return {}
    with app.app_context():
        for number in (0, 1, 2):
            db.session.merge(User(id=number, from_data_set=True))
        db.session.commit()
        api_tokens.revoke("fuzzer")
        secret = api_tokens.create("fuzzer", user_id=1 if role == "person" else None)
    return {"Authorization": f"Bearer {secret}"}


# Number of examples for each operation, in the default run and in the long one.
TRIES = {"service": (5, 50), "person": (3, 30), "nobody": (1, 10)}


def test_openapi_document_is_version_31_and_covers_every_operation(app: Flask) -> None:
    document = app.test_client().get(f"{BASE}/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"token": []}]
    assert len(document["paths"]) == 17
    for path, operations in document["paths"].items():
        for method, about in operations.items():
            if method == "parameters":
                continue
            assert about["summary"], (path, method)
            assert {"200", "401", "403", "422", "429"} <= set(about["responses"])
            assert ("404" in about["responses"]) == ("_id}" in path or path in OF_IDS)
            assert ("409" in about["responses"]) == ((method, path) in CONFLICTING)
            assert ("201" in about["responses"]) == ((method, path) == ("put", f"{BASE}/movie"))
            if "requestBody" in about:
                assert {"413", "415"} <= set(about["responses"])


def test_openapi_document_says_that_numbers_may_be_text(app: Flask) -> None:
    schemas = app.test_client().get(f"{BASE}/openapi.json").json["components"]["schemas"]
    sent = {
        (name, field): schemas[name]["properties"][field]
        for name, field in (
            ("NewUser", "year_of_birth"),
            ("MovieRating", "movie_id"),
            ("MovieRating", "rating"),
            ("OfMovie", "movie_id"),
            ("BatchRequest", "user_id"),
            ("Batch", "limit"),
        )
    }
    for number in sent.values():
        assert number["type"][:2] in (["integer", "string"], ["number", "string"])
        assert re.search(number["pattern"], "4")
        assert not re.search(number["pattern"], "four")
    assert sent["NewUser", "year_of_birth"]["type"][2:] == ["null"]
    assert schemas["Rating"]["properties"]["rating"]["type"] == "number"


CONFLICTING = {("delete", f"{BASE}/user/{{user_id}}"), ("put", f"{BASE}/movie")}
OF_IDS = {f"{BASE}/recommendations/batch", "/recommendations", "/features"}


def test_docs_page_loads_nothing_external(client: FlaskClient) -> None:
    page = client.get(f"{BASE}/docs")
    assert "http" not in page.text.replace("http-equiv", "")
    assert "<style" not in page.text
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("style-src")[0]
    assert "unsafe" not in client.get("/login").headers["Content-Security-Policy"]
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        with client.get(f"{BASE}/docs/assets/{asset}") as answer:
            assert answer.status_code == 200


def test_manual_has_a_curl_call_for_every_operation(app: Flask) -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    calls = re.findall(r"call .*", page.replace("$site/", "http://127.0.0.1:5000/"))
    paths = app.test_client().get(f"{BASE}/openapi.json").json["paths"]
    for path, operations in paths.items():
        shown = re.escape(path.replace(BASE, "$api")).replace("\\{user_id\\}", r"\$user")
        shown = shown.replace("\\{movie_id\\}", r"\$movie")
        for method in set(operations) - {"parameters"}:
            way = f"-X {method.upper()} " if method in ("put", "delete") else ""
            pattern = rf"call {way}\"?(http://127.0.0.1:5000)?{shown}[?\" ]"
            found = [call for call in calls if re.match(pattern, f"{call} ")]
            assert found, (method, path)
