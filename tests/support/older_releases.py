"""Releases that were written by the code of earlier versions, by name: tests/fixtures/releases."""

from __future__ import annotations

import shutil
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "releases"
# The format that each was written in. The name ends with the commit whose code wrote it.
FORMATS = {
    "20261121-110314-df68746": 1,  # the first
    "20261121-200721-b687cb1": 1,  # hours in place of stars
    "20261130-195033-ab5c13a": 1,  # the last
    "20261201-014500-3f7886e": 2,  # with a neighbourhood
    "20261201-090320-cb7ac33": 3,  # with keys
}
FILMS = [version for version in FORMATS if version.endswith(("df68746", "ab5c13a", "3f7886e"))]


def copy_release(version: str, releases: Path) -> None:
    """Copy one of them into a folder of releases."""
    shutil.copytree(FOLDER / version, releases / version)
