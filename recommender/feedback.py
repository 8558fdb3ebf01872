"""Converts stars given or hours played to preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommender.arrays import Float64Array, FloatArray, IntArray
from recommender.catalogue import Catalogue
from recommender.fold_in import playtime_preference, preference
from recommender.params import RankingParams
from recommender.popularity import vote_weighted

EXPLICIT, IMPLICIT = KINDS = ("explicit", "implicit")


# Up to here Steam takes a game back as tried, not played (store.steampowered.com/steam_refunds).
TRIED_HOURS = 2.0


@dataclass(frozen=True)
class Scale:
    """Valid ratings: from ``low`` to ``high`` in ``step``."""

    low: float
    high: float
    step: float


# 100,000 hours are more than 11 years of play without a pause.
# Of what a catalogue of one's own counts, and of having something, which is 1.
COUNTS, HAVING = Scale(0.0, 1e9, 1.0), Scale(0.0, 1.0, 1.0)
SCALES = {EXPLICIT: Scale(0.5, 5.0, 0.5), IMPLICIT: Scale(0.0, 100_000.0, 0.1)}


@dataclass(frozen=True)
class Stars:
    """Explicit feedback: likes and dislikes."""

    neutral: float
    best: float

    def preference(self, stars: Any) -> Any:
        return preference(stars, self.neutral, self.best)

    def expected_preference(
        self, means: FloatArray, counts: IntArray, overall: float
    ) -> Float64Array:
        """Return the preference expected of a newcomer's answer about each title, (n,), above 0.

        ``means`` and ``counts`` (n,) of everyone's ratings; ``overall``: the mean of all.
        """
        liked = self.preference(vote_weighted(means, counts, overall))
        return np.asarray(liked.clip(min=0.01), np.float64)


@dataclass(frozen=True)
class Hours:
    """Implicit feedback: games owned and hours played. There are no dislikes.

    ``tried``: titles played for less than this in the mean say nothing about a person.
    """

    playtime_weight: float
    tried: float = TRIED_HOURS

    def preference(self, hours: Any) -> Any:
        return playtime_preference(hours, self.playtime_weight)

    def expected_preference(
        self, means: FloatArray, counts: IntArray, overall: float
    ) -> Float64Array:
        """As for stars: 1 for each title that is played, 0 for those that are only owned.

        Test versions and the like come with other games. Their owners played them for less than
        TRIED_HOURS in the mean (or than the mean of all titles, if that is less): owning them says
        nothing about a person. What is counted in another measure says something whatever the
        count.
        """
        return np.where(means < min(self.tried, overall), 0.0, 1.0)


def feedback_of(catalogue: Catalogue, params: RankingParams) -> Stars | Hours:
    """Return how the ratings of a catalogue become preferences."""
    if catalogue.feedback == IMPLICIT:
        hours = not (catalogue.measure or catalogue.having)
        return Hours(params.playtime_weight, TRIED_HOURS if hours else 0.0)
    return Stars(params.neutral, catalogue.rating_max)
