"""Settings of a site under test, and people who sign up there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service as accounts

SECRET = "0123456789abcdef0123456789abcdef"


PRODUCTION = {"SECRET_KEY": SECRET, "DATABASE_URL": "postgresql://u:p@db/marquee"}


ROOT = Path(__file__).resolve().parents[2]


REAL_DATA = Path(os.environ.get("MARQUEE_TEST_DATA", ROOT.parent / "shared" / "data"))


def real_data(name: str) -> Path:
    """Return a folder of real data, or skip the test if it is missing."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs real data: no {folder}; set MARQUEE_TEST_DATA")
    return folder


def settings(database: Path | str, releases: Path) -> dict[str, str]:
    """Return settings of a development site; ``database`` is a SQLite file or a URL."""
    return {
        "DEBUG": "True",
        "SECRET_KEY": "only-for-tests-0123456789",
        "DATABASE_URL": f"sqlite:///{database}" if isinstance(database, Path) else database,
        "RELEASES": str(releases),
        "RELEASE_POLL_SECONDS": "0",
        "STATISTICS_MINUTES": "0",
    }


PASSWORD = "correct horse battery"


def register(client: FlaskClient, name: str) -> None:
    """Sign up and stay logged in."""
    form = {"username": name, "email": f"{name}@example.com"}
    answer = client.post("/register", data={**form, "password": PASSWORD, "confirm": PASSWORD})
    assert answer.status_code == 303, answer.text


def confirm_address(app: Flask, name: str) -> None:
    """Mark the address of this account as confirmed, as if the mailed link had been opened."""
    with app.app_context():
        user = accounts.named(name)
        assert user is not None
        accounts.confirm_address(user)
