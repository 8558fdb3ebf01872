"""Ratings of several items in one form, in fields named rating-<item id>."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.recommend.model_watcher import serving
from recommender.catalogue import LARGEST_ID

_FIELD = re.compile(r"rating-([0-9]{1,10})")


def ratings_in(form: Mapping[str, str]) -> dict[int, float]:
    """Return values by item id from fields named rating-<item id>; leave out invalid ones."""
    parse = serving.feedback_kind.parse
    ratings: dict[int, float] = {}
    for field, value in form.items():
        named, number = _FIELD.fullmatch(field), parse(value)
        if named and int(named[1]) <= LARGEST_ID and number is not None:
            ratings[int(named[1])] = number
    return ratings
