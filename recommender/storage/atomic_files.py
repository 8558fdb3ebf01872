"""Told apart by a lock: what a process is writing, and what one that was killed left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path


def lock(path: Path) -> int:
    """Lock a file or folder until the handle that this gives is closed, or the process ends."""
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def remove_stale(folder: Path, pattern: str) -> None:
    """Remove what is called like that and nobody holds, and leave what we may not remove.

    What is empty stays: it may have been made this moment, and be about to be held.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir() and any(path.iterdir()):
                    shutil.rmtree(path)
                elif path.is_file() and path.stat().st_size:
                    path.unlink()
            finally:
                os.close(handle)
