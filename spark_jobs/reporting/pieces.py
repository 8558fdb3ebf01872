"""Small pieces that the sections of a report share."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

Card = tuple[str, str, str]  # a figure, what it is, and what to read beside it


def drawn_chart(svg: str) -> Markup:
    """A chart of ours as it stands: it escapes its own labels."""
    return Markup(svg)  # noqa: S704  # nosec B704


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def format_number(value: Any, signed: bool = False) -> str:
    if not is_number(value):
        return "–"
    return f"{value:+.4f}".replace("-", "−") if signed else f"{value:.4f}"


def format_parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if is_number(value) else str(value)
