"""Folds items that a model was fitted on into it anew, from all who have rated them since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pyspark import RDD

from recommender.arrays import Float32Array, Float64Array, Int64Array, IntArray
from recommender.batch import fold_in_many
from recommender.fold_in import Ridge, gram
from recommender.item_fold_in import fold_in_item
from recommender.model import Model
from spark_jobs.ratings import Ratings

# Raters now, for each that the item was fitted on.
GROWN = 1.5
# Of the most grown items, so many that their ratings, with a vector each, fit in memory.
MOST_RATINGS = 500_000


class RatersOfGrown(NamedTuple):
    """``gram``: XᵀX of people folded in, (rank, rank). Of their ratings of grown items: the item's
    row, the preference, and the person's ranking vector, (ratings, rank)."""

    gram: Float64Array
    rows: IntArray
    preferences: Float64Array
    vectors: Float32Array


def folded_in_anew(model: Model, ratings: RDD[Ratings]) -> Model:
    """Return the model with the ranking factors of the items that have grown solved by training's
    own equation, everything else as it was.

    ``ratings``: all that were given until now, each person's together in one partition.
    """
    counts = sum(ratings.map(lambda part: _counted(model, part)).collect())
    grown = _grown(np.asarray(counts), np.asarray(model.release.arrays.item_counts))
    context = ratings.context
    shared = context.broadcast((model, grown))
    parts = ratings.map(lambda part: _raters(*shared.value, part)).collect()
    shared.destroy()
    raters = RatersOfGrown(
        np.sum([part.gram for part in parts], axis=0),
        *(np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)),
    )
    release = model.release
    factors = np.array(release.arrays.ranking_factors)
    ridge = Ridge.from_params(release.ranking, release.catalogue.users)
    for row in grown.tolist():
        of_item = raters.rows == row
        factors[row] = fold_in_item(
            raters.vectors[of_item],
            raters.preferences[of_item],
            release.ranking.alpha,
            ridge,
            prior=np.zeros(factors.shape[1]),
            prior_weight=1.0,
            user_gram=raters.gram,
        )
    return Model(replace(release, arrays=replace(release.arrays, ranking_factors=factors)))


def _counted(model: Model, part: Ratings) -> IntArray:
    rows = model.items.index.known_rows(part.items)
    return np.bincount(rows, minlength=len(model.items.index))


def _grown(counts: IntArray, fitted_on: IntArray) -> IntArray:
    """Return rows of the items that have grown, ascending."""
    gained = counts / np.maximum(fitted_on, 1)
    rows = np.flatnonzero(gained >= GROWN)
    rows = rows[np.argsort(-gained[rows], kind="stable")]
    return np.sort(rows[np.cumsum(counts[rows]) <= MOST_RATINGS])


def _raters(model: Model, grown: IntArray, part: Ratings) -> RatersOfGrown:
    known = list(_people(model, part))
    vectors = np.zeros((len(known), len(model.gram)), np.float32)
    for places, folded in fold_in_many(model, known):
        vectors[places] = folded.ranking_vectors
    people = np.repeat(np.arange(len(known)), [len(rows) for rows, _ in known])
    rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in known)])
    values = np.concatenate([np.empty(0), *(values for _, values in known)])
    counts = np.isin(rows, grown)
    preferences = np.asarray(model.feedback.preference(values[counts]), np.float64)
    return RatersOfGrown(gram(vectors), rows[counts], preferences, vectors[people[counts]])


def _people(model: Model, part: Ratings) -> Iterator[tuple[Int64Array, Float64Array]]:
    """Yield rows and values of each person's ratings that the model knows."""
    _, starts = np.unique(part.users, return_index=True)
    for start, end in zip(starts, [*starts[1:], len(part.users)], strict=True):
        pairs = zip(part.items[start:end].tolist(), part.values[start:end].tolist(), strict=True)
        yield model.known_ratings(dict(pairs))
