"""Return freed memory to the operating system, if the C library is glibc.

glibc gives each thread a heap, and each heap retains the most that its thread ever needed.
"""

from __future__ import annotations

import ctypes
import sys

HEAPS = 2
_M_ARENA_MAX = -8  # of <malloc.h>


def share_heaps() -> None:
    """Limit the number of heaps; call it before threads are started."""
    _call("mallopt", _M_ARENA_MAX, HEAPS)


def give_back() -> None:
    """Return freed heap memory, after a peak. Takes about 0.1 ms for each free megabyte."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)  # musl has neither
        if function is not None:
            function(*arguments)
