"""Log lines, collected."""

from __future__ import annotations

import json
import logging
from typing import Any

from app.observability.logs import Json

Lines = list[dict[str, Any]]


class Kept(logging.Handler):
    """Collects the lines that standard output would get."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Json())
        self.lines: Lines = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        assert len(line.splitlines()) == 1
        self.lines.append(json.loads(line))
