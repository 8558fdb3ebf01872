"""The site with a clock of its own, which is wrong by the seconds in the file that CLOCK names.

To be served in place of ``application``. ``app.db.clock`` and libraries ask ``time.time``.
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
