"""The site with a clock that is wrong by the number of seconds in the file that CLOCK names.

Serve it in place of ``application``. ``app.db.clock`` and libraries call ``time.time``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from application import application

CLOCK = Path(os.environ["CLOCK"])
true_time = time.time


def wrong_by() -> float:
    return float(CLOCK.read_text())


time.time = lambda: true_time() + wrong_by()

__all__ = ["application"]
