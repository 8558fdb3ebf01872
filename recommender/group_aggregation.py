"""Recommends to a group: one list from each member's predicted stars."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from recommender.arrays import Float64Array, FloatArray, Int64Array, IntArray
from recommender.model import Model, RatingsByItem
from recommender.top_n import top_n

WAYS = ("average", "misery", "veto")
# A member vetoes titles with fewer predicted stars than this,
VETO_BELOW = 3.0
# or, in catalogues without stars, with a match (0 to 1) below this.
VETO_BELOW_MATCH = 0.1
# The list is chosen from this many titles that match the group best.
SHORTLIST = 200


def agree(stars: FloatArray, way: str, veto_below: float = VETO_BELOW) -> Float64Array:
    """Return the group's stars of each title, (items,), from each member's, (people, items).

    ``average``: the mean. ``misery``: the least of all members' stars (O'Connor et al. 2001,
    PolyLens). ``veto``: the mean, and -inf where anyone is below ``veto_below`` ("average without
    misery", Masthoff 2004).
    """
    stars = np.asarray(stars, dtype=np.float64)
    if way == "misery":
        return np.asarray(stars.min(axis=0))
    mean = stars.mean(axis=0)
    if way == "veto":
        return np.where((stars < veto_below).any(axis=0), -np.inf, mean)
    return np.asarray(mean)


def shortlist(scores: FloatArray, excluded_rows: IntArray, size: int) -> Int64Array:
    """Return rows of the titles that match best on average, from scores (people, items).

    The scale of scores differs between people, so each person's are standardized first. Stars alone
    rank a catalogue badly: the shortlist keeps out obscure titles with a high mean.
    """
    possible = np.isfinite(scores).all(axis=0)
    standard = np.full(scores.shape[1], -np.inf)
    if possible.any():
        within = np.asarray(scores[:, possible], dtype=np.float64)
        spread = within.std(axis=1, keepdims=True)
        spread[spread == 0] = 1.0
        standard[possible] = ((within - within.mean(axis=1, keepdims=True)) / spread).mean(axis=0)
    return top_n(standard, size, excluded_rows)


def recommend_group(
    model: Model,
    people: Sequence[RatingsByItem],
    way: str,
    n: int,
    hidden: Collection[int] = (),
) -> list[tuple[int, float, list[float]]]:
    """Return the ``n`` best items for ``people`` together: (id, the group's value, each member's),
    in predicted stars, or as a match from 0 to 1 in catalogues without stars.

    Items that anyone has rated (if the catalogue does not recommend again), and those in
    ``hidden``, are left out. ``way``: see ``agree``.
    """
    folded = [model.fold_in(ratings) for ratings in people]
    excluded = [
        *(model.left_out(person) for person in folded),
        model.items.index.known_rows(hidden),
    ]
    scores = np.stack([model.scores(person) for person in folded])
    # A veto may exclude many titles, so it applies before the shortlist is made.
    all_rows, rating_model = np.arange(len(model.items)), model.rating_model
    everyone = np.stack(
        [
            rating_model.predict(p.bias, p.rating_vector, all_rows)
            if rating_model
            else model.match_rows(p, all_rows)
            for p in folded
        ]
    )
    agreed = agree(everyone, way, VETO_BELOW if rating_model else VETO_BELOW_MATCH)
    scores = np.where(np.isfinite(agreed), scores, -np.inf)
    rows = shortlist(scores, np.concatenate(excluded), max(SHORTLIST, n))
    best = rows[np.argsort(-agreed[rows], kind="stable")][:n]
    ids = model.items.index.item_ids[best].tolist()
    return [
        (item_id, float(agreed[row]), everyone[:, row].tolist())
        for item_id, row in zip(ids, best, strict=True)
    ]
