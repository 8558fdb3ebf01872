"""A request that exceeds its time budget ends with a 503 and stores nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import create_app
from app.extensions import db
from app.http import request_budget
from app.models import Rating
from tests.support.api import Rest


@pytest.fixture
def spent(app: Flask, ann: FlaskClient) -> Iterator[None]:
    """Let the budget of every request be spent at its first statement."""
    app.config["REQUEST_SECONDS"] = -1.0
    yield
    app.config["REQUEST_SECONDS"] = 30.0


def stored_ratings(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Rating)) or 0


def test_page_is_503_with_explanation_when_budget_is_spent(
    app: Flask, ann: FlaskClient, spent: None
) -> None:
    answer = ann.get("/ratings")
    assert (answer.status_code, "took too long" in answer.text) == (503, True)
    assert answer.headers["Retry-After"] == str(request_budget.RETRY_SECONDS)


def test_rating_is_not_stored_when_budget_is_spent(
    app: Flask, ann: FlaskClient, spent: None
) -> None:
    assert ann.post("/title/1/rating", data={"rating": "4"}).status_code == 503
    assert stored_ratings(app) == 0


def test_api_is_503_in_json_when_budget_is_spent(app: Flask, rest: Rest, spent: None) -> None:
    answer = rest("GET", "/movie/1")
    assert answer.status_code == 503
    assert answer.json == {"code": 503, "message": "this took too long and was given up"}


def test_limit_ends_a_loop_and_frees_its_thread(own_app: Flask) -> None:
    @own_app.get("/endless")
    def endless() -> str:
        request_budget.limit(0.2)
        while True:
            request_budget.check()

    began = time.monotonic()
    assert own_app.test_client().get("/endless").status_code == 503
    assert 0.2 <= time.monotonic() - began < 10


def test_limit_never_extends_the_budget(app: Flask) -> None:
    with app.test_request_context():
        request_budget.limit(-1)
        request_budget.limit(100)
        with pytest.raises(request_budget.BudgetSpent):
            request_budget.check()


def test_check_raises_once_so_that_the_error_page_can_be_rendered(app: Flask) -> None:
    with app.test_request_context():
        request_budget.limit(-1)
        with pytest.raises(request_budget.BudgetSpent):
            request_budget.check()
        request_budget.check()


def test_check_never_raises_outside_of_a_request(environ: dict[str, str]) -> None:
    app = create_app({**environ, "REQUEST_SECONDS": "0"}, TESTING=True)
    with app.app_context():
        request_budget.limit(-1)
        request_budget.check()
        assert db.session.scalar(select(func.count()).select_from(Rating)) == 0
