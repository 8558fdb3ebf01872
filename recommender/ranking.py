"""Exact top-N."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def top_n(
    scores: NDArray[np.floating], n: int, excluded_rows: NDArray[np.integer] | None = None
) -> NDArray[np.int64]:
    """Rows of the ``n`` highest scores, best first; equal scores in ascending order of row.

    ``scores``: shape (items,); -inf means "never". Fewer than ``n`` where fewer qualify.
    """
    if n <= 0:
        return np.empty(0, dtype=np.int64)
    scores = np.array(scores)
    if excluded_rows is not None:
        scores[excluded_rows] = -np.inf
    if n < len(scores):
        threshold = np.partition(scores, -n)[-n]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    candidates = candidates[scores[candidates] > -np.inf]
    best_first = np.argsort(-scores[candidates], kind="stable")
    return candidates[best_first][:n]
