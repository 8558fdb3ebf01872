"""Put a shortlist in another order: towards what a person would rate highest, and with titles that
were passed over further down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recommender.arrays import Float64Array, Int64Array

# What a predicted star counts, in standard deviations of the score, by step of the slider from
# "what I would pick" to "what I would rate highest", where the score counts no more.
WEIGHTS = (0.0, 1.0, 2.5, 6.0, float("inf"))
# A title begins to sink after so many days on which it was shown and passed over, by STEP standard
# deviations of the score a day, at most MOST; half of that is gone after HALF_LIFE days without.
FREE_DAYS, STEP, MOST, HALF_LIFE = 2, 0.25, 1.5, 14.0
# Stars by which a later title must be ahead for the order to need a word.
GAP = 0.75


def impression_discount(days: ArrayLike, idle_days: ArrayLike) -> Float64Array:
    """Return by how much titles sink, in standard deviations of the score, (n,):

        min(MOST, STEP · max(0, days − FREE_DAYS)) · ½^(idle / HALF_LIFE)

    ``days``: on how many days each was shown. ``idle_days``: days since the last of them.
    """
    shown, idle = np.asarray(days, dtype=float), np.asarray(idle_days, dtype=float)
    amount = np.minimum(MOST, STEP * np.maximum(0.0, shown - FREE_DAYS))
    return np.asarray(amount * 0.5 ** (np.maximum(idle, 0.0) / HALF_LIFE))


def reorder(
    scores: ArrayLike,
    stars: Sequence[float | None],
    weight: float = 0.0,
    discount: ArrayLike = 0.0,
) -> Int64Array:
    """Return places of a shortlist in their new order, (n,), by

        (score − mean) / σ + weight · stars − discount

    or, with an infinite ``weight``, by stars alone; equal ones stay in order. ``stars``: predicted;
    without them the weight counts nothing.
    """
    score = np.asarray(scores, dtype=np.float64)
    if not len(score):
        return np.empty(0, dtype=np.int64)
    value = standardized(score) - np.asarray(discount, dtype=np.float64)
    if weight and all(star is not None for star in stars):
        star = np.asarray(stars, dtype=np.float64)
        value = star if np.isinf(weight) else value + weight * star
    return np.argsort(-value, kind="stable")


def standardized(values: Float64Array) -> Float64Array:
    """Return the values less their mean, in standard deviations; zeros where all are equal."""
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-12 else np.zeros(len(values))


def strongest_disagreement(stars: Sequence[float | None]) -> tuple[int, int] | None:
    """Return the places of the two titles whose order and predicted stars disagree most: the later
    one is ahead by the most stars. None if that is less than GAP."""
    if len(stars) < 2 or any(star is None for star in stars):
        return None
    star = np.asarray(stars, dtype=np.float64)
    best_later = np.maximum.accumulate(star[::-1])[::-1]
    ahead = best_later[1:] - star[:-1]
    first = int(np.argmax(ahead))
    if ahead[first] < GAP:
        return None
    return first, first + 1 + int(np.argmax(star[first + 1 :]))
