"""Which title to ask a newcomer about next, and when enough has been asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recommender.fold_in import Array, Ridge, ranking_equations
from recommender.model import Model, RatingsByItem

# How far nearness to known titles, and doubt about it, move the log-odds of knowing a title. These
# four were chosen by the experiment in docs/model.md.
NEARNESS, DOUBT = 6.0, 1.0
# For the chance of knowing a title every answer counts alike, whatever the stars: known ones as a
# preference of KNOWN, those not seen as one of -UNSEEN.
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
    preferences = np.repeat([KNOWN, -UNSEEN], [len(known), len(unseen)])
    left, right = ranking_equations(item_gram, answered, preferences, alpha, ridge)
    # Someone who knew nothing has no direction, and yet each "not seen" tells where not to ask.
    left[np.diag_indices_from(left)] += 1e-9
    y = np.asarray(factors, dtype=np.float64)
    covariance = np.linalg.inv(left)
    doubt = np.sqrt(np.einsum("ij,ij->i", y @ covariance, y))
    within = np.clip(share, 1e-4, 1 - 1e-4)
    logit = np.log(within / (1 - within))
    logit += NEARNESS * (y @ (covariance @ right)) + DOUBT * doubt
    return np.asarray(1 / (1 + np.exp(-logit)))


def next_question(model: Model, ratings: RatingsByItem, unseen: Iterable[int] = ()) -> int | None:
    """The item to ask a newcomer about next: one they may well know, that the answers so far
    leave in doubt (``chance_to_know``), and that people like, since a rating in
    favour teaches the ranking model most. None where nothing is left to ask.
    """
    arrays, ranking = model.release.arrays, model.release.ranking
    rows, _ = model.known_ratings(ratings)
    unseen_rows = model.item_index.known_rows(unseen)
    open_rows = model.most_rated[~np.isin(model.most_rated, np.concatenate([rows, unseen_rows]))]
    if not len(open_rows):
        return None
    known = chance_to_know(
        model.gram,
        arrays.ranking_factors[open_rows],
        arrays.item_counts[open_rows] / max(model.catalogue.users, 1),
        arrays.ranking_factors[rows],
        arrays.ranking_factors[unseen_rows],
        ranking.alpha,
        model.ranking_ridge,
    )
    expected = model.feedback.expected_preference(
        arrays.item_means[open_rows], arrays.item_counts[open_rows], model.release.mean_rating
    )
    return int(model.item_index.item_ids[open_rows[np.argmax(known * expected**2)]])


def onboarding_progress(model: Model, ratings: RatingsByItem) -> OnboardingProgress:
    """How far the list still moves. ``ratings`` in the order in which they were given."""
    given = list(ratings.items())
    lists = [
        {r.item_id for r in model.recommend(model.fold_in(dict(earlier)), LIST, ratings)}
        for earlier in (given[: len(given) - step] for step in range(STEPS + 1))
    ]
    kept = [len(new & old) for new, old in pairwise(lists)]
    of = max(len(lists[0]), 1)
    settled = len(given) >= FEWEST and min(kept) >= SETTLED * of
    return OnboardingProgress(kept[0] if given else 0, of, settled)
