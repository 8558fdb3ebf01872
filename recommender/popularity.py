"""Popularity: averages that know their number of votes, and how well known a title is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A title's average counts for as much as this many votes at the catalogue's average.
PRIOR_VOTES = 25


def vote_weighted(mean: Any, votes: Any, catalogue_mean: Any) -> Any:
    """``(Σ ratings + m·μ) / (n + m)``, the Bayesian average with ``m = PRIOR_VOTES``.

    Plain arithmetic, so that one definition serves numpy arrays and SQL columns.
    """
    return (mean * votes + PRIOR_VOTES * catalogue_mean) / (votes + PRIOR_VOTES)


# Steps of the popular–obscure slider: from and up to which share of all ratings a title stands,
# the titles taken from the most to the least rated. The middle lets everything through.
BANDS = {-2: (0.8, 1.0), -1: (0.5, 1.0), 0: (0.0, 1.0), 1: (0.0, 0.8), 2: (0.0, 0.5)}


def within_band(counts: NDArray[np.integer], known: int) -> NDArray[np.bool_]:
    """Which titles are as well known as the slider asks (a key of ``BANDS``), shape (items,).

    A few hundred titles have half of all ratings: less known means beyond those, better known
    among them. Unlike a penalty in the score it does the same whatever the scores' scale, and
    leaves the model's order of what remains alone.
    """
    low, high = BANDS[known]
    best_known_first = np.argsort(-counts, kind="stable")
    total = max(int(counts.sum()), 1)
    before = np.empty(len(counts))
    sorted_counts = counts[best_known_first]
    before[best_known_first] = (np.cumsum(sorted_counts) - sorted_counts) / total
    return np.asarray((before >= low) & ((before < high) | (high == 1.0)))
