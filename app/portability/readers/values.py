"""Values that several services write alike."""

from __future__ import annotations

import math

from recommender.formats.cells import decimal_number
from recommender.formats.steam import BadLine


def imdb_id(text: str) -> str | None:
    """Return an id as in IMDb's addresses ("tt0133093"), given with or without "tt" and zeros."""
    digits = text.strip().lower().removeprefix("tt").partition(".")[0]
    is_id = digits.isascii() and digits.isdecimal() and len(digits) <= 10 and int(digits)
    return f"tt{int(digits):07d}" if is_id else None


def stars_of(text: str, of: float = 5) -> float:
    """Convert a rating to half stars out of five from a scale that ends at ``of``.

    Raises BadLine.
    """
    shown = text[:20]
    if text.strip("★½") == "":
        text = str(text.count("★") + text.count("½") / 2)
    if (number := decimal_number(text)) is None:
        raise BadLine(f"“{text[:30]}” is not a rating")
    stars = number * 5 / of
    if not 0 < stars <= 5:
        raise BadLine(f"a rating of {shown} is off the scale, which ends at {of:g}")
    return max(0.5, math.floor(stars * 2 + 0.5) / 2)
