"""The site with a clock of its own, which is wrong by the seconds in the file that CLOCK names.

To be served in place of ``application``. ``app.db.clock`` is the site's only source of now;
libraries ask ``time.time``.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from app.db import clock
from application import application

CLOCK = Path(os.environ["CLOCK"])
true_time, true_now = time.time, clock.utcnow


def wrong_by() -> float:
    return float(CLOCK.read_text())


def utcnow() -> datetime:
    return true_now() + timedelta(seconds=wrong_by())


time.time = lambda: true_time() + wrong_by()
for module in list(sys.modules.values()):
    if getattr(module, "utcnow", None) is true_now:
        module.utcnow = utcnow  # type: ignore[attr-defined]

__all__ = ["application"]
