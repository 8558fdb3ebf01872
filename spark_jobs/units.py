"""What the ratings of a catalogue are counted in, for reports and terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.feedback import IMPLICIT

STARS, HOURS, HAVING = "stars", "hours", "times"


def unit_of(facts: Mapping[str, Any]) -> str:
    """Return the plural of the unit. ``facts``: a catalogue's, perhaps of an earlier version."""
    if facts["feedback"] != IMPLICIT:
        return STARS
    return str(facts.get("measures") or (HAVING if facts.get("having") else HOURS))
