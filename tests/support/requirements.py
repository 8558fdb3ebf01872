"""Handle tests that need a program missing on this machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test with the reason; fail it if every test must run, as in .ci/run."""
    reason = f"needs {what}: {remedy}"
    if os.environ.get("MARQUEE_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)
