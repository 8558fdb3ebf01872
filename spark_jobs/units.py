"""What the ratings of a catalogue are counted in, for reports and terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.feedback import IMPLICIT

STARS, POINTS, HOURS, HAVING = "stars", "points", "hours", "times"
BEST = 5.0


def unit_of(facts: Mapping[str, Any]) -> str:
    """Return the plural of the unit. ``facts``: a catalogue's, perhaps of an earlier version."""
    if facts["feedback"] != IMPLICIT:
        return STARS if per_star(facts) == 1 else POINTS
    return str(facts.get("measures") or (HAVING if facts.get("having") else HOURS))


def per_star(facts: Mapping[str, Any]) -> float:
    """Return how much of a catalogue's own scale one star is, on which ratings are read."""
    return float(facts.get("points") or BEST) / BEST
