"""A transaction that the database rolled back in favour of another one is not a fault of ours."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.feedback import ratings
from tests.support.api import Rest
from tests.support.site import register


class Deadlock(Exception):
    sqlstate = "40P01"


class WrongColumn(Exception):
    sqlstate = "42703"


def fail_with(monkeypatch: pytest.MonkeyPatch, cause: type[Exception]) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT 1", None, cause("in the database"))

    monkeypatch.setattr(ratings, "ratings_of", fail)


def test_conflict_is_503_in_json(rest: Rest, someone: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, Deadlock)
    answer = rest("GET", f"/user/{someone}/estimate/1")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert answer.json == {"code": 503, "message": "another request was in the way"}


def test_conflict_on_a_page_is_a_page(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    register(client, "ann")
    fail_with(monkeypatch, Deadlock)
    page = client.get("/title/1")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "nothing of this one is saved" in page.text


def test_statement_that_is_wrong_stays_a_fault(
    app: Flask, rest: Rest, someone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    fail_with(monkeypatch, WrongColumn)
    assert rest("GET", f"/user/{someone}/estimate/1").status_code == 500
