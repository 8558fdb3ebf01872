"""Cheap password hashes, for tests that are not about hashing."""

from __future__ import annotations

import pytest
from werkzeug.security import generate_password_hash

import app.models.accounts
from app.accounts import service as accounts

STAND_IN = accounts._NOBODY
CHEAP = "pbkdf2:sha256:1"


def make_hashes_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hashes cheap until ``monkeypatch`` is undone."""

    def generate(password: str, method: str) -> str:
        assert method == "scrypt"
        return generate_password_hash(password, method=CHEAP)

    monkeypatch.setattr(app.models.accounts, "generate_password_hash", generate)
    monkeypatch.setattr(accounts, "_NOBODY", generate_password_hash("nobody", method=CHEAP))
