"""The OpenAPI document, the page to try it, and a fuzzer that takes the document at its word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import tokens
from tests.api import BASE, Rest

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 40
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def fuzzed(app: Flask, rest: Rest) -> Flask:
    """A site with someone whose id is 1, and two more whom examples may hit."""
    from app.extensions import db
    from app.models import User

    with app.app_context():
        db.session.add_all(User(id=number, from_data_set=True) for number in (0, 1, 2))
        db.session.commit()
    app.config.update(PROPAGATE_EXCEPTIONS=False, RATELIMIT_ENABLED=False)
    return app


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_answer_is_a_failure_or_outside_the_document(
    fuzzed: Flask, mode: GenerationMode
) -> None:
    with fuzzed.app_context():
        headers = {"Authorization": f"Bearer {tokens.create('fuzzer')}"}
    schema = schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", fuzzed)
    tried = 0
    for operation in schema.get_all_operations():

        @bounded
        @given(case=operation.ok().as_strategy(generation_mode=mode))
        def attempt(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            attempt()
        except Unsatisfiable:  # a row without fields has no malformed ones
            continue
        tried += 1
    assert tried >= 15


def test_the_document_is_openapi_31_and_names_every_row(app: Flask) -> None:
    document = app.test_client().get(f"{BASE}/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"token": []}]
    assert len(document["paths"]) == 16
    for path, operations in document["paths"].items():
        for method, about in operations.items():
            if method == "parameters":
                continue
            assert about["summary"], (path, method)
            assert {"200", "401", "403", "422", "429"} <= set(about["responses"])
            assert ("404" in about["responses"]) == ("_id}" in path or path in OF_IDS)
            if "requestBody" in about:
                assert {"413", "415"} <= set(about["responses"])


OF_IDS = {f"{BASE}/recommendations/batch", "/recommendations", "/features"}


def test_the_page_to_try_it_fetches_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get(f"{BASE}/docs")
    assert "http" not in page.text.replace("http-equiv", "")
    assert "<style" not in page.text
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("style-src")[0]
    assert "unsafe" not in client.get("/login").headers["Content-Security-Policy"]
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        with client.get(f"{BASE}/docs/assets/{asset}") as answer:
            assert answer.status_code == 200


def test_the_readme_shows_every_row_with_curl(app: Flask) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    calls = [line for line in readme.splitlines() if line.startswith("call ")]
    paths = app.test_client().get(f"{BASE}/openapi.json").json["paths"]
    for path, operations in paths.items():
        shown = re.escape(path.replace(BASE, "$api")).replace("\\{user_id\\}", "[0-9]+")
        shown = shown.replace("\\{movie_id\\}", "[0-9]+")
        for method in set(operations) - {"parameters"}:
            way = f"-X {method.upper()} " if method in ("put", "delete") else ""
            pattern = rf"call {way}\"?(http://127.0.0.1:5000)?{shown}[?\" ]"
            found = [call for call in calls if re.match(pattern, f"{call} ")]
            assert found, (method, path)
