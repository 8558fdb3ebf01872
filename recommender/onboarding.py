"""Chooses the titles to ask a newcomer about, and decides when enough are answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recommender.arrays import Float64Array, FloatArray
from recommender.fold_in import Ridge, ranking_equations
from recommender.model import Model, RatingsByItem

# Weights of nearness to known titles, and of doubt about it, in the log-odds of knowing a title.
# These four were chosen by the experiment in docs/model.md.
NEARNESS, DOUBT = 6.0, 1.0
# For the chance of knowing a title, known titles have a preference of KNOWN whatever the stars, and
# those not seen one of -UNSEEN.
KNOWN, UNSEEN = 1.0, 2.0
# Onboarding ends after FEWEST ratings, once each of the last STEPS ratings kept a share of SETTLED
# of the LIST best titles.
FEWEST, STEPS, LIST, SETTLED = 5, 3, 20, 0.8


@dataclass(frozen=True)
class OnboardingProgress:
    """``kept``: how many of the ``of`` best titles remained after the last rating."""

    kept: int
    of: int
    settled: bool


def chance_to_know(
    item_gram: FloatArray,
    factors: FloatArray,
    share: FloatArray,
    known: FloatArray,
    unseen: FloatArray,
    alpha: float,
    ridge: Ridge,
) -> Float64Array:
    """Return an upper confidence bound of the chance that the person knows each title, (n,):

        σ(logit(share_i) + NEARNESS·z·y_i + DOUBT·√(y_iᵀ Σ y_i))          Σ = A⁻¹

    ``z`` is the ranking fold-in of titles known and not known, without their stars, and ``Σ`` its
    posterior covariance (``A``: the left side of its normal equations). Doubt counts in favour of a
    title, because an answer about it teaches most (linear bandits: Li et al. 2010, LinUCB).

    ``factors`` (n, rank) and ``share``, the part of all people who rated it, (n,): of the titles to
    judge. ``known`` and ``unseen`` (…, rank): factors of the titles answered about.
    """
    answered = np.concatenate([known, unseen])
    preferences = np.repeat([KNOWN, -UNSEEN], [len(known), len(unseen)])
    left, right = ranking_equations(item_gram, answered, preferences, alpha, ridge)
    # Keeps the system solvable for a person who knew none of the titles.
    left[np.diag_indices_from(left)] += 1e-9
    y = np.asarray(factors, dtype=np.float64)
    covariance = np.linalg.inv(left)
    doubt = np.sqrt(np.einsum("ij,ij->i", y @ covariance, y))
    within = np.clip(share, 1e-4, 1 - 1e-4)
    logit = np.log(within / (1 - within))
    logit += NEARNESS * (y @ (covariance @ right)) + DOUBT * doubt
    return np.asarray(1 / (1 + np.exp(-logit)))


def next_question(model: Model, ratings: RatingsByItem, unseen: Iterable[int] = ()) -> int | None:
    """Return the item to ask a newcomer about next; None where none is left that tells anything.

    It maximizes ``chance_to_know`` times the squared expected preference: a like teaches the
    ranking model most.
    """
    arrays, ranking = model.items.arrays, model.release.ranking
    rows, _ = model.known_ratings(ratings)
    unseen_rows = model.items.index.known_rows(unseen)
    most_rated = model.items.most_rated
    open_rows = most_rated[~np.isin(most_rated, np.concatenate([rows, unseen_rows]))]
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
    worth = known * expected**2
    best = np.argmax(worth)
    return int(model.items.index.item_ids[open_rows[best]]) if worth[best] > 0 else None


def onboarding_progress(model: Model, ratings: RatingsByItem) -> OnboardingProgress:
    """Measure how much the list still changes. ``ratings``: in the order they were given."""
    pairs = list(ratings.items())
    lists = [
        {r.item_id for r in model.recommend(model.fold_in(dict(earlier)), LIST, ratings)}
        for earlier in (pairs[: len(pairs) - step] for step in range(STEPS + 1))
    ]
    kept = [len(new & old) for new, old in pairwise(lists)]
    of = max(len(lists[0]), 1)
    settled = len(pairs) >= FEWEST and min(kept) >= SETTLED * of
    return OnboardingProgress(kept[0] if pairs else 0, of, settled)
