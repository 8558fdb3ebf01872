"""A draw in which better values have a better chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from recommender.arrays import Float64Array


def chances(values: ArrayLike) -> Float64Array:
    """Return the chance of each value, (n,): a softmax of the standardized values.

        p_i ∝ exp((v_i − max v) / σ)

    A value that is a standard deviation better is e times as likely, on whatever scale. Equal
    values have equal chances.
    """
    v = np.asarray(values, dtype=np.float64)
    if not len(v):
        return np.empty(0)
    deviation = float(v.std())
    weights = np.exp((v - v.max()) / deviation) if deviation > 1e-9 else np.ones(len(v))
    return np.asarray(weights / weights.sum())


def draw(values: ArrayLike, seed: int, n: int = 1) -> list[tuple[int, float]]:
    """Draw ``n`` different places by their ``chances``, fewer where there are fewer values.

    Returns (place, chance in the first draw). The same seed draws the same.
    """
    p = chances(values)
    places: Sequence[int] = (
        np.random.default_rng(seed)
        .choice(len(p), size=min(n, len(p)), replace=False, p=p if len(p) else None)
        .tolist()
        if len(p)
        else []
    )
    return [(place, float(p[place])) for place in places]
