"""The only source of the current time, and guards against a clock that was set back.

Stored times outlive a process and come from several machines, so one may lie in the future.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any


def utcnow() -> datetime:
    """Return the time of ``time.time``, which libraries read too."""
    return datetime.fromtimestamp(time.time(), UTC)


def later_than(earlier: datetime | None, now: datetime) -> datetime:
    """Return ``now``, but at least a microsecond after ``earlier``: newer writes have later times.

    ``earlier`` is the time of the write that is replaced, None if there is none.
    """
    return now if earlier is None else max(now, earlier + timedelta.resolution)


def is_recent(moment: Any, now: datetime, span: timedelta) -> Any:
    """Return whether ``moment``, a time or a column of times, is less than ``span`` before ``now``.

    A moment that is ``span`` or more ahead is from before the clock was set back: it is not recent.
    """
    return (moment > now - span) & (moment < now + span)
