"""95 % confidence intervals of means, shares and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Z95 = 1.959964
# 80 % of the normal distribution lie below it: the usual power of a test.
Z80 = 0.841621


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; ``low`` and ``high`` are None for a single group."""

    value: float
    low: float | None
    high: float | None
    n: int


def ratio(totals: ArrayLike, counts: ArrayLike) -> Interval | None:
    """Estimate ``r = Σ totals / Σ counts`` over groups (people), with its 95 % interval.

    One person's ratings are not independent, so the variance is taken between people (the ratio
    estimator of cluster sampling, Cochran 1977, equation 6.13):

        var(r) = m/(m − 1) · Σ (total_g − r·count_g)² / (Σ count)²

    For a mean of ratings, totals are sums of stars; for a share, numbers of cases. ``n`` is
    Σ counts. None where there is nothing to count.
    """
    total, count = np.asarray(totals, dtype=float), np.asarray(counts, dtype=float)
    total, count = total[count > 0], count[count > 0]
    groups = len(count)
    if not groups:
        return None
    value = total.sum() / count.sum()
    if groups == 1:
        return Interval(float(value), None, None, int(count.sum()))
    squares = np.sum((total - value * count) ** 2)
    half = Z95 * np.sqrt(groups / (groups - 1) * squares) / count.sum()
    return Interval(float(value), float(value - half), float(value + half), int(count.sum()))


def wilson(successes: int, n: int) -> Interval | None:
    """Estimate a share of independent people, with its 95 % score interval (Wilson 1927)."""
    if not n:
        return None
    p, z2 = successes / n, Z95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(p, max(0.0, float(middle - half)), min(1.0, float(middle + half)), n)


def difference(before: Interval, after: Interval) -> Interval:
    """Estimate ``after − before`` of two independent groups of people, with its 95 % interval:

        d ± z·√(se_before² + se_after²)

    Without an interval where one of them has none. ``n`` is the sum of both.
    """
    value, n = after.value - before.value, before.n + after.n
    half_before, half_after = _half(before), _half(after)
    if half_before is None or half_after is None:
        return Interval(value, None, None, n)
    half = float(np.hypot(half_before, half_after))
    return Interval(value, value - half, value + half, n)


def times_needed(interval: Interval, effect: float) -> float | None:
    """Return the factor by which the number of people must grow to detect a difference ``effect``.

    In 80 % of experiments the 95 % interval of a difference of ``effect`` excludes 0 where

        effect ≥ (z₀.₉₅ + z₀.₈₀)·se

    and se² falls with the number of people (Cohen 1988, section 2.4, also for unequal groups):
    ``((z₀.₉₅ + z₀.₈₀)·se / effect)²``; 1 or less is enough. None without an interval.
    """
    half = _half(interval)
    return None if half is None else ((Z95 + Z80) * (half / Z95) / effect) ** 2


def _half(estimate: Interval) -> float | None:
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / 2
