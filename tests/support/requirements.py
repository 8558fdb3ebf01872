"""What to do about a test that needs something this machine lacks."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test, saying why; fail it where everything must run, as .ci/run says."""
    reason = f"needs {what}: {remedy}"
    if os.environ.get("MARQUEE_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)
