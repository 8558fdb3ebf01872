"""REST clients for tests."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts import api_tokens
from app.extensions import db
from app.models import Rating, User

BASE = "/api/v1"


class Rest:
    """A client with a token; paths are below the base path unless they start with //."""

    def __init__(self, client: FlaskClient, secret: str | None):
        self._client = client
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __call__(self, method: str, path: str, **how: Any) -> TestResponse:
        address = path[1:] if path.startswith("//") else BASE + path
        headers = {**self._headers, **how.pop("headers", {})}
        return self._client.open(address, method=method, headers=headers, **how)

    def answer(self, method: str, path: str, body: Any = None) -> Any:
        """Return the content of a response that must succeed."""
        answer = self(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code == 200, answer.text
        return answer.json


def client_with_token(app: Flask, name: str, user_id: int | None = None) -> Rest:
    with app.app_context():
        return Rest(app.test_client(), api_tokens.create(name, user_id))


def stored(app: Flask) -> list[tuple[int, int, float, bool]]:
    """Return (user id, item id, stars, is implicit) of every rating."""
    with app.app_context():
        rows = db.session.query(Rating).order_by(Rating.user_id, Rating.item_id)
        return [(r.user_id, r.item_id, r.rating, r.is_implicit) for r in rows]


def people(app: Flask) -> list[int]:
    with app.app_context():
        return [user.id for user in db.session.query(User).order_by(User.id)]
