"""Logging in, guessing, and links sent by mail."""

from __future__ import annotations

import logging
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.site import PASSWORD

NEW = "an even better one"


CHANGE = {"present": PASSWORD, "password": NEW, "confirm": NEW}


def ask(client: FlaskClient, email: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Request a reset link; return the paths of the mailed links."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert client.post("/forgotten", data={"email": email}).status_code == 200
    return [path for text in caplog.messages for path in re.findall(r"/reset/\S+", text)]


WRONG = "not the password"


def log_in(
    client: FlaskClient, name: str = "ann", password: str = WRONG, address: str = "192.0.2.1"
) -> TestResponse:
    form = {"username": name, "password": password}
    return client.post("/login", data=form, environ_overrides={"REMOTE_ADDR": address})


def codes(client: FlaskClient, times: int, **how: str) -> list[int]:
    return [log_in(client, **how).status_code for _ in range(times)]
