"""What a person's numbers say of a title: stars that were given, or hours that were played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue
from recommender.fold_in import playtime_preference, preference
from recommender.params import RankingParams
from recommender.popularity import vote_weighted

EXPLICIT, IMPLICIT = KINDS = ("explicit", "implicit")


@dataclass(frozen=True)
class Scale:
    """The numbers that people give: from ``low`` to ``high`` in ``step``."""

    low: float
    high: float
    step: float


# Hours end where no life would do for more; nobody is that old on any store.
SCALES = {EXPLICIT: Scale(0.5, 5.0, 0.5), IMPLICIT: Scale(0.0, 100_000.0, 0.1)}


@dataclass(frozen=True)
class Stars:
    """Explicit feedback: people say what they like and what they do not."""

    neutral: float
    best: float

    def preference(self, stars: Any) -> Any:
        return preference(stars, self.neutral, self.best)

    def expected_preference(
        self, means: NDArray[np.floating], counts: NDArray[np.integer], overall: float
    ) -> NDArray[np.float64]:
        """How strong a newcomer's answer about each title is likely to be, (n,), above 0.

        ``means`` and ``counts`` (n,) of everyone's ratings; ``overall``: the mean of all.
        """
        liked = self.preference(vote_weighted(means, counts, overall))
        return np.asarray(liked.clip(min=0.01), np.float64)


@dataclass(frozen=True)
class Hours:
    """Implicit feedback: what people have, and how long they played it. Nothing says "no"."""

    playtime_weight: float

    def preference(self, hours: Any) -> Any:
        return playtime_preference(hours, self.playtime_weight)

    def expected_preference(
        self, means: NDArray[np.floating], counts: NDArray[np.integer], overall: float
    ) -> NDArray[np.float64]:
        """As for stars. To have a title says the same of each."""
        return np.ones(len(means))


def feedback_of(catalogue: Catalogue, params: RankingParams) -> Stars | Hours:
    """How the numbers of a catalogue are to be read."""
    if catalogue.feedback == IMPLICIT:
        return Hours(params.playtime_weight)
    return Stars(params.neutral, catalogue.rating_max)
