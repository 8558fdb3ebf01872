"""Recommendations for many users at once, in stacked solves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recommender.arrays import BoolArray, Float64Array, Int64Array
from recommender.fold_in import fold_in_ranking_many
from recommender.model import Model, Person, RatingsByItem, Recommendation

# The largest array of a pass over many users, in numbers: 8 MB in single precision.
LARGEST_ARRAY = 2_000_000
NOTHING = np.empty(0, np.int64)


def recommend_many(
    model: Model, people: Sequence[RatingsByItem], n: int, hidden: Sequence[Iterable[int]] = ()
) -> list[list[Recommendation]]:
    """Recommend as ``Model.recommend`` does to each of ``people``, given as their ratings.

    ``hidden``: ids to leave out, for each of them where given.
    """
    known = [model.known_ratings(ratings) for ratings in people]
    unwanted = [model.items.index.known_rows(ids) for ids in hidden] or [NOTHING] * len(people)
    lists: list[list[Recommendation]] = [[]] * len(people)
    for positions, folded in fold_in_many(model, known):
        stack = _recommend_stack(
            model, folded, [known[i] for i in positions], [unwanted[i] for i in positions], n
        )
        for i, recommended in zip(positions, stack, strict=True):
            lists[i] = recommended
    return lists


def _passes(model: Model, counts: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of the people of each pass, grouped by similar numbers of ratings."""
    widest = max(model.gram.shape[0], model.release.arrays.rating_factors.shape[1])
    positions: list[int] = []
    for i in sorted(range(len(counts)), key=lambda i: counts[i]):
        if positions and (len(positions) + 1) * max(counts[i], widest) * widest > LARGEST_ARRAY:
            yield positions
            positions = []
        positions.append(i)
    if positions:
        yield positions


@dataclass(frozen=True)
class FoldedIn:
    """People folded in at once, a row each: ``preferences`` of their ratings, ``ranking_vectors``,
    ``biases`` and ``rating_vectors``."""

    preferences: list[Float64Array]
    ranking_vectors: Float64Array
    biases: Float64Array
    rating_vectors: Float64Array


def fold_in_many(
    model: Model, known: Sequence[tuple[Int64Array, Float64Array]]
) -> Iterator[tuple[list[int], FoldedIn]]:
    """Fold people in, given as rows and values of their ratings; yield the positions of those of
    each pass, and what they are folded into."""
    for positions in _passes(model, [len(rows) for rows, _ in known]):
        yield positions, _fold_in_stack(model, [known[i] for i in positions])


def _fold_in_stack(model: Model, known: Sequence[tuple[Int64Array, Float64Array]]) -> FoldedIn:
    arrays, ranking = model.items.arrays, model.release.ranking
    rows, values, rated = _padded(known)
    preferences = model.feedback.preference(values)
    x = fold_in_ranking_many(
        model.gram,
        arrays.ranking_factors[rows],
        preferences,
        rated,
        ranking.alpha,
        model.ranking_ridge,
    )
    rating_model = model.rating_model
    biases, p = (
        rating_model.fold_in_many(rows, values, rated)
        if rating_model
        else (np.zeros(len(known)), np.zeros((len(known), 0)))
    )
    return FoldedIn([preferences[u, rated[u]] for u in range(len(known))], x, biases, p)


def _recommend_stack(
    model: Model,
    folded: FoldedIn,
    known: Sequence[tuple[Int64Array, Float64Array]],
    unwanted: Sequence[Int64Array],
    n: int,
) -> list[list[Recommendation]]:
    lists = []
    for u, (rated_rows, _) in enumerate(known):
        neighbour_scores = model.neighbour_scores(rated_rows, folded.preferences[u])
        person = Person(
            folded.ranking_vectors[u],
            float(folded.biases[u]),
            folded.rating_vectors[u],
            rated_rows,
            neighbour_scores,
        )
        best = model.best(person, n, np.concatenate([model.left_out(person), unwanted[u]]))
        lists.append(model.as_recommendations(person, *best))
    return lists


def _padded(
    known: Sequence[tuple[Int64Array, Float64Array]],
) -> tuple[Int64Array, Float64Array, BoolArray]:
    """Return rows, values, and a mask of places in use, each (users, most ratings of any)."""
    counts = np.array([len(rows) for rows, _ in known])
    rated = np.arange(counts.max(initial=0)) < counts[:, None]
    rows, values = np.zeros(rated.shape, np.int64), np.zeros(rated.shape)
    rows[rated] = np.concatenate([rows for rows, _ in known])
    values[rated] = np.concatenate([values for _, values in known])
    return rows, values, rated
