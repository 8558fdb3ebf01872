"""A session that nobody uses ends by itself."""

from __future__ import annotations

import time

import pytest
from flask.testing import FlaskClient

DAY = 24 * 60 * 60


@pytest.mark.parametrize(("days", "status"), [(30, 200), (32, 302)])
def test_session_expires_after_31_days_without_a_request(
    ann: FlaskClient, monkeypatch: pytest.MonkeyPatch, days: int, status: int
) -> None:
    assert ann.get("/ratings").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + days * DAY)
    assert ann.get("/ratings").status_code == status
