"""Titles like a title: the angle between their factors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Factors fitted on few ratings point anywhere: a cosine counts for n / (n + this many ratings).
DOUBT = 10


def similarity(
    factors: NDArray[np.floating], counts: NDArray[np.integer], row: int
) -> NDArray[np.float64]:
    """``cos(y_row, y_i) · n_i / (n_i + DOUBT)``, shape (items,); -inf for the title itself.

    ``factors`` (items, rank), ``counts`` (items,). The shrinkage is that of item-based
    neighbourhood models (Koren 2008, section 2.2). A title without direction is like none.
    """
    y = np.asarray(factors, dtype=np.float64)
    lengths = np.linalg.norm(y, axis=1)
    lengths[lengths == 0] = np.inf
    near = (y @ y[row]) / (lengths * lengths[row]) * (counts / (counts + DOUBT))
    near[row] = -np.inf
    return np.asarray(near)
