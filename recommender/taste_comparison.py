"""How alike the tastes of two people are, by the items that both rated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from recommender.confidence_intervals import Z95, Interval

# The transformation of Fisher has no variance with fewer pairs.
FEWEST_PAIRS = 4
# A sample correlation of 1 would have an infinite transform.
NEAREST_TO_ONE = 1 - 1e-9


@dataclass(frozen=True)
class TasteComparison:
    """``alike``: the correlation of the values of shared items, if it can be estimated.
    ``both_love``, ``differ``, ``only_other``: item ids, the clearest case first."""

    shared: int
    alike: Interval | None
    both_love: list[int]
    differ: list[int]
    only_other: list[int]


def correlation(a: ArrayLike, b: ArrayLike) -> Interval | None:
    """Estimate the correlation of pairs, with its 95 % interval by Fisher's transformation (1921):

        tanh(atanh(r) ± z / √(n − 3))

    None with fewer than FEWEST_PAIRS pairs, or if one side is always the same.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = len(x)
    if n < FEWEST_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    r = float(np.corrcoef(x, y)[0, 1].clip(-NEAREST_TO_ONE, NEAREST_TO_ONE))
    middle, half = np.arctanh(r), Z95 / np.sqrt(n - 3)
    return Interval(r, float(np.tanh(middle - half)), float(np.tanh(middle + half)), n)


def compare_tastes(
    mine: Mapping[int, float],
    other: Mapping[int, float],
    loved_from: float | None,
    gap: float,
    known: Collection[int] = (),
) -> TasteComparison:
    """Compare the values of two people, by item id.

    ``loved_from``: the value from which an item is loved; None: each person's own median, and
    values are compared by their logarithms, as hours and counts are. ``gap``: how far apart two
    values are that differ. ``known``: ids that are left out of ``only_other`` beside ``mine``.
    """
    shared = sorted(mine.keys() & other.keys())
    scale = np.array if loved_from is not None else np.log1p
    a, b = (scale([values[item] for item in shared]) for values in (mine, other))
    apart = dict(zip(shared, np.abs(a - b).tolist(), strict=True))
    mine_from, other_from = (
        _median(values) if loved_from is None else loved_from for values in (mine, other)
    )
    both = [i for i in shared if mine[i] >= mine_from and other[i] >= other_from]
    differ = [i for i in shared if apart[i] >= gap]
    unseen = other.keys() - mine.keys() - set(known)
    only_other = [i for i in unseen if other[i] >= other_from]
    return TasteComparison(
        len(shared),
        correlation(a, b),
        sorted(both, key=lambda i: (-min(mine[i], other[i]), -mine[i] - other[i], i)),
        sorted(differ, key=lambda i: (-apart[i], i)),
        sorted(only_other, key=lambda i: (-other[i], i)),
    )


def _median(values: Mapping[int, float]) -> float:
    return float(np.median(list(values.values()))) if values else 0.0
