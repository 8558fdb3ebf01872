"""The site with a clock of its own, which goes wrong by the seconds in the file that CLOCK names.

To be served in place of ``application``. ``app.clock`` is the site's only source of now; libraries
ask ``time.time``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

CLOCK = Path(os.environ["CLOCK"])
true_time = time.time


def wrong_by() -> float:
    return float(CLOCK.read_text() or 0)


spec = importlib.util.spec_from_file_location(
    "app.clock", Path(__file__).resolve().parents[1] / "app" / "clock.py"
)
assert spec is not None
assert spec.loader is not None
clock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clock)
true_now = clock.utcnow


def utcnow() -> datetime:
    return true_now() + timedelta(seconds=wrong_by())


clock.utcnow = utcnow
time.time = lambda: true_time() + wrong_by()
sys.modules["app.clock"] = clock  # before anything asks it

from application import application  # noqa: E402

__all__ = ["application"]
