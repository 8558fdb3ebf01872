"""Folds in an item that training never saw, from the people who have rated it.

The equations are those of training's items with a prior mean ``ŷ`` from what is said about the
item, and without ``XᵀX``: that term says that whoever did not rate an item could have, and with a
new item nobody has had the time yet (protocol N: docs/model.md).

    (Σ c_u·x_u·x_uᵀ + κ·ridge(n₊)·I) y = Σ_{s_u>0} (1 + c_u)·x_u + κ·ridge(n₊)·ŷ

with ``c_u = alpha·|s_u|``.
"""

from __future__ import annotations

import numpy as np

from recommender.arrays import Float64Array, FloatArray
from recommender.fold_in import Ridge

# κ, how much more the prior counts than a ridge. Chosen on validation splits: docs/model.md.
PRIOR_WEIGHT = 10.0


def fold_in_item(
    vectors: FloatArray, preferences: FloatArray, alpha: float, ridge: Ridge, prior: FloatArray
) -> Float64Array:
    """Return the item's ranking factors, (rank,); the ``prior`` itself without a rating.

    ``vectors``: the raters' ranking vectors, (raters, rank), and ``preferences`` theirs, signed.
    With fewer raters than factors the system has one row a rater (Woodbury's identity).
    """
    confidence = alpha * np.abs(preferences)
    counts = confidence > 0
    vectors, confidence = vectors[counts], confidence[counts]
    if not len(confidence):
        return np.asarray(prior, np.float64)
    wanted = preferences[counts] > 0
    shrinkage = PRIOR_WEIGHT * float(ridge(max(1, int(wanted.sum()))))
    right = ((1 + confidence) * wanted) @ vectors + shrinkage * prior
    if len(vectors) < vectors.shape[1]:
        inner = vectors @ vectors.T
        inner.reshape(-1)[:: len(inner) + 1] += shrinkage / confidence
        correction = np.linalg.solve(inner, vectors @ right)
        return np.asarray((right - correction @ vectors) / shrinkage)
    left = (vectors * confidence[:, None]).T @ vectors
    left.reshape(-1)[:: len(left) + 1] += shrinkage
    return np.asarray(np.linalg.solve(left, right))
