"""Log lines, collected."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from app.observability import timing
from app.observability.logs import Json

Lines = list[dict[str, Any]]


class Kept(logging.Handler):
    """What standard output would get."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Json())
        self.lines: Lines = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        assert len(line.splitlines()) == 1
        self.lines.append(json.loads(line))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    monkeypatch.setattr(timing, "SLOW_SECONDS", 1e9)  # on a busy machine any request may be slow
    kept = Kept()
    logging.getLogger().addHandler(kept)
    yield kept.lines
    logging.getLogger().removeHandler(kept)
