"""Ratings as arrays, one row for each rating, one partition at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ratings(NamedTuple):
    """Ratings in the order they were read. ``values``: stars, or hours played.
    ``seconds``: when each was given, since 1970."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]
