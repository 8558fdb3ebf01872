"""Writes files whole or not at all, and removes what killed processes left unfinished.

Locks tell the two apart: a process locks what it is writing, and the lock ends with it.
"""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file, so that readers and a crash find the earlier content or the new one.

    Several processes may write the same file at once. Raises OSError with nothing changed.
    """
    remove_stale(path.parent, f".{glob.escape(path.name)}.*.unfinished")
    # A random name, because processes in containers that share the folder may have the same number.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.unfinished")
    try:
        with unfinished.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)  # while it is locked, so that nobody takes it for stale
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def lock(path: Path) -> int:
    """Lock a file or folder until the returned handle is closed, or the process ends."""
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def remove_stale(folder: Path, pattern: str) -> None:
    """Remove files and folders of that name that no process has locked and that we may remove.

    Empty ones stay: another process may have just made them and be about to lock them.
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
