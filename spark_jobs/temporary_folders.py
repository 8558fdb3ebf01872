"""Folders that live as long as the process that made them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from recommender.storage.atomic_files import lock, remove_stale

TEMPORARY = "marquee-job-"


def temporary_folder() -> Path:
    """Make a folder that is removed at exit, and remove those that killed jobs left."""
    remove_stale(Path(tempfile.gettempdir()), f"{TEMPORARY}*")
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    lock(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
