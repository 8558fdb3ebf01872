"""How sure a figure is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; without one (``low`` is None) where one group is too few."""

    value: float
    low: float | None
    high: float | None
    n: int


def ratio(totals: ArrayLike, counts: ArrayLike) -> Estimate | None:
    """``r = Σ totals / Σ counts`` over groups (people), with its 95 % interval.

    What one person does is not independent of what they did before, so the variance is taken
    between people (the ratio estimator of cluster sampling, Cochran 1977, equation 6.13):

        var(r) = m/(m − 1) · Σ (total_g − r·count_g)² / (Σ count)²

    A mean of ratings: totals are sums of stars. A share: totals are how many. ``n`` is Σ counts.
    None where there is nothing to count.
    """
    total, count = np.asarray(totals, dtype=float), np.asarray(counts, dtype=float)
    total, count = total[count > 0], count[count > 0]
    groups = len(count)
    if not groups:
        return None
    value = total.sum() / count.sum()
    if groups == 1:
        return Estimate(float(value), None, None, int(count.sum()))
    squares = np.sum((total - value * count) ** 2)
    half = Z95 * np.sqrt(groups / (groups - 1) * squares) / count.sum()
    return Estimate(float(value), float(value - half), float(value + half), int(count.sum()))


def wilson(successes: int, n: int) -> Estimate | None:
    """A share of independent people, with its 95 % score interval (Wilson 1927)."""
    if not n:
        return None
    p, z2 = successes / n, Z95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(p, max(0.0, float(middle - half)), min(1.0, float(middle + half)), n)
