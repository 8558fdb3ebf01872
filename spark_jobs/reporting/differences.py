"""Formats differences with their intervals, for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def interval_text(measured: Mapping[str, Any]) -> str:
    """Format a difference, like ``+0.012 (0.003 … 0.021)``; without an interval where none is."""
    value = f"{measured['difference']:+.3f}"
    if measured["low"] is None:
        return value
    return f"{value} ({measured['low']:.3f}…{measured['high']:.3f})"
