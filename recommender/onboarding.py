"""Which title to ask a newcomer about next, and when enough has been asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.fold_in import Array, Ridge, fold_in_ranking, ranking_equations

# How much a title's nearness to those known says about knowing it too; see docs/model.md.
SLOPE = 6.0
# For the chance of knowing a title every answer counts alike, whatever the stars: known ones as a
# strength of KNOWN, those not seen as one of -UNSEEN.
KNOWN, UNSEEN = 0.6, 0.3
# An answer is expected to be of this strength.
EXPECTED = 0.5
# Enough is known once each of the last STEPS ratings kept this share of the LIST best titles.
STEPS, LIST, SETTLED = 3, 20, 0.75


@dataclass(frozen=True)
class Progress:
    """``kept``: how many of the ``of`` best titles the last rating left on the list."""

    kept: int
    of: int
    settled: bool


def familiarity(
    item_gram: Array,
    factors: Array,
    known_rows: NDArray[np.integer],
    unseen_rows: NDArray[np.integer],
    alpha: float,
    ridge: Ridge,
    share: Array,
) -> NDArray[np.float64]:
    """How likely the person knows each title, shape (items,):

        P(know_i) = σ(logit(share_i) + SLOPE · z·y_i)

    ``share``: what part of all people rated it, (items,). ``z``: the ranking fold-in of what the
    person knew and did not know, the stars left aside.
    """
    rows = np.concatenate([known_rows, unseen_rows])
    strengths = np.repeat([KNOWN, -UNSEEN], [len(known_rows), len(unseen_rows)])
    z = fold_in_ranking(item_gram, factors[rows], strengths, alpha, ridge)
    within = np.clip(share, 1e-4, 1 - 1e-4)
    logit = np.log(within / (1 - within)) + SLOPE * (factors @ z)
    return np.asarray(1 / (1 + np.exp(-logit)))


def information(
    item_gram: Array, factors: Array, rated: Array, strengths: Array, alpha: float, ridge: Ridge
) -> NDArray[np.float64]:
    """What a rating of each title would tell about the person, shape (items,), in nats:

        ½·log(1 + c·y_iᵀ Σ y_i)          Σ = A⁻¹, c = alpha·EXPECTED

    The fold-in is a Gaussian posterior with precision ``A`` (the left side of its normal
    equations); this is by how much one more observation shrinks its entropy (MacKay 1992).
    ``rated`` (n, rank) and ``strengths`` (n,) are the answers so far.
    """
    precision, _ = ranking_equations(item_gram, rated, strengths, alpha, ridge)
    y = np.asarray(factors, dtype=np.float64)
    variance = np.einsum("ij,ij->i", y @ np.linalg.inv(precision), y)
    return np.asarray(0.5 * np.log1p(alpha * EXPECTED * variance))
