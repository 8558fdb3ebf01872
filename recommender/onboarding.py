"""Which title to ask a newcomer about next, and when enough has been asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.fold_in import Array, Ridge, ranking_equations

# Only titles that many know are worth a question.
ASKABLE = 2000
# How far nearness to known titles, and doubt about it, move the log-odds of knowing a title. These
# four were chosen by the experiment in docs/model.md.
NEARNESS, DOUBT = 6.0, 1.0
# For the chance of knowing a title every answer counts alike, whatever the stars: known ones as a
# strength of KNOWN, those not seen as one of -UNSEEN.
KNOWN, UNSEEN = 1.0, 2.0
# Enough is known after FEWEST ratings, once each of the last STEPS kept this share of the LIST best
# titles.
FEWEST, STEPS, LIST, SETTLED = 5, 3, 20, 0.8


@dataclass(frozen=True)
class OnboardingProgress:
    """``kept``: how many of the ``of`` best titles the last rating left on the list."""

    kept: int
    of: int
    settled: bool


def chance_to_know(
    item_gram: Array,
    factors: Array,
    share: Array,
    known: Array,
    unseen: Array,
    alpha: float,
    ridge: Ridge,
) -> NDArray[np.float64]:
    """How likely the person knows each title, in the light most favourable to it, shape (n,):

        σ(logit(share_i) + NEARNESS·z·y_i + DOUBT·√(y_iᵀ Σ y_i))          Σ = A⁻¹

    ``z`` is the ranking fold-in of what the person knew and did not know, the stars left aside,
    and ``Σ`` its posterior covariance (``A``: the left side of its normal equations): where the
    answers so far say little about a title, one more teaches much, so doubt counts in its favour
    (the upper confidence bound of linear bandits: Li et al. 2010, LinUCB).

    ``factors`` (n, rank) and ``share``, what part of all people rated it, (n,): the titles to
    judge. ``known`` and ``unseen`` (…, rank): factors of the titles that were answered about.
    """
    answered = np.concatenate([known, unseen])
    strengths = np.repeat([KNOWN, -UNSEEN], [len(known), len(unseen)])
    left, right = ranking_equations(item_gram, answered, strengths, alpha, ridge)
    # Someone who knew nothing has no direction, and yet each "not seen" tells where not to ask.
    left[np.diag_indices_from(left)] += 1e-9
    y = np.asarray(factors, dtype=np.float64)
    covariance = np.linalg.inv(left)
    doubt = np.sqrt(np.einsum("ij,ij->i", y @ covariance, y))
    within = np.clip(share, 1e-4, 1 - 1e-4)
    logit = np.log(within / (1 - within))
    logit += NEARNESS * (y @ (covariance @ right)) + DOUBT * doubt
    return np.asarray(1 / (1 + np.exp(-logit)))
