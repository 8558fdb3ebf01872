"""The packages that a requirements file pins."""

from __future__ import annotations

import re
from pathlib import Path

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pinned(file: Path) -> dict[str, str]:
    """Return version by name, as written in ``file`` itself."""
    return dict(PIN.findall(file.read_text()))
