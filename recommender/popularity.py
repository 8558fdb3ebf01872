"""Popularity: averages that know their number of votes, and lists tilted towards or away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A title's average counts for as much as this many votes at the catalogue's average.
PRIOR_VOTES = 25


def vote_weighted(mean: Any, votes: Any, catalogue_mean: Any) -> Any:
    """``(Σ ratings + m·μ) / (n + m)``, the Bayesian average with ``m = PRIOR_VOTES``.

    Plain arithmetic, so that one definition serves numpy arrays and SQL columns.
    """
    return (mean * votes + PRIOR_VOTES * catalogue_mean) / (votes + PRIOR_VOTES)


def tilt(
    scores: NDArray[np.floating], counts: NDArray[np.integer], towards: float
) -> NDArray[np.floating]:
    """Scores tilted towards popular titles (``towards`` up to 1) or away from them (down to -1).

        score_i + towards · σ(score) · z_i          z = log(1 + count), standardised

    over the titles that can be recommended at all (a finite score). 0 leaves the scores alone.
    """
    open_to_all = np.isfinite(scores)
    if not towards or open_to_all.sum() < 2:
        return scores
    familiarity = np.log1p(counts)
    spread = familiarity[open_to_all].std()
    if not spread:
        return scores
    z = (familiarity - familiarity[open_to_all].mean()) / spread
    return scores + towards * scores[open_to_all].std() * z
