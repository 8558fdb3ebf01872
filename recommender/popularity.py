"""Vote-weighted averages, and the bands of the popular–obscure slider."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender.arrays import BoolArray, IntArray

# The catalogue's average counts as this many votes.
PRIOR_VOTES = 25


def vote_weighted(mean: Any, votes: Any, catalogue_mean: Any) -> Any:
    """Return ``(Σ ratings + m·μ) / (n + m)``, the Bayesian average with ``m = PRIOR_VOTES``.

    Plain arithmetic, which works on numpy arrays and on SQL columns.
    """
    return (mean * votes + PRIOR_VOTES * catalogue_mean) / (votes + PRIOR_VOTES)


# Steps of the popular–obscure slider: bounds of the share of all ratings that better known titles
# have. The middle excludes nothing.
BANDS = {-2: (0.8, 1.0), -1: (0.5, 1.0), 0: (0.0, 1.0), 1: (0.0, 0.8), 2: (0.0, 0.5)}


def within_band(counts: IntArray, known: int) -> BoolArray:
    """Mask the titles within a band (``known``, a key of ``BANDS``), (items,).

    A few hundred titles have half of all ratings: less known means beyond those, better known
    among them. Unlike a penalty in the score, a band does not depend on the scale of scores and
    keeps the model's order.
    """
    low, high = BANDS[known]
    best_known_first = np.argsort(-counts, kind="stable")
    total = max(int(counts.sum()), 1)
    before = np.empty(len(counts))
    sorted_counts = counts[best_known_first]
    before[best_known_first] = (np.cumsum(sorted_counts) - sorted_counts) / total
    return np.asarray((before >= low) & ((before < high) | (high == 1.0)))
