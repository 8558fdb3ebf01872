"""Folds in the items that came after training, from all their raters at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.added_items import AddedItems, popularity_count
from recommender.arrays import Float32Array, Float64Array, FloatArray, Int64Array, IntArray
from recommender.batch import fold_in_many
from recommender.errors import ReleaseError
from recommender.fold_in import Ridge
from recommender.item_fold_in import (
    fold_in_item,
    fold_in_item_neighbours,
    fold_in_item_stars,
)
from recommender.model import NO_ROWS, Model, RatingsByItem
from recommender.neighbourhood import counted
from recommender.params import NeighbourhoodParams

# People whose ratings are in memory at once.
PEOPLE_AT_A_TIME = 1000
# Items whose ratings add to a new item's score, and raters whom their weights come from.
MOST_SOURCES, MOST_REGRESSED = 30, 50


@dataclass(frozen=True)
class NewItem:
    """An item that the release has no factors of. ``count`` and ``mean``: of its ratings.
    ``since``: ratings given by anyone to anything since it came."""

    item_id: int
    year: int | None
    genres: Sequence[str]
    creators: Sequence[str]
    count: int = 0
    mean: float | None = None
    since: int = 0


class Given(NamedTuple):
    """Ratings of new items, in any order: columns of one length."""

    user_ids: Int64Array
    item_ids: Int64Array
    values: Float64Array


def fold_in_new_items(
    model: Model,
    items: Sequence[NewItem],
    given: Given,
    ratings_of: Callable[[Sequence[int]], Mapping[int, RatingsByItem]],
) -> AddedItems:
    """Return the ``items`` folded in, in order of their ids.

    ``model``: without added items. ``given``: ratings of them. ``ratings_of`` returns all ratings
    of users, by their ids: the vectors of raters come from what else they have rated. Raises
    ReleaseError for a release that has no prior of items.
    """
    items = sorted(items, key=lambda item: item.item_id)
    item_ids = np.array([item.item_id for item in items], np.int64)
    return fold_in_from(model, items, Raters.of(model, item_ids, given, ratings_of))


def fold_in_from(model: Model, items: Sequence[NewItem], raters: Raters) -> AddedItems:
    """As ``fold_in_new_items``; ``items`` in order of their ids, and their ``raters``."""
    release = model.release
    if release.item_prior is None:
        raise ReleaseError(
            f"release {release.version} is older than the folding in of new titles; train again"
        )
    rank, width = release.arrays.ranking_factors.shape[1], release.arrays.rating_factors.shape[1]
    expected = release.item_prior.expect(items)
    ranking = np.empty((len(items), rank), np.float16)
    rating, bias = np.empty((len(items), width), np.float16), np.zeros(len(items), np.float32)
    ridge = Ridge.from_params(release.ranking, release.catalogue.users)
    sources: list[tuple[IntArray, FloatArray]] = []
    for row in range(len(items)):
        part = slice(raters.starts[row], raters.starts[row + 1])
        people_rows, values = raters.rows[part], raters.values[part]
        preferences = np.asarray(model.feedback.preference(values), np.float64)
        vectors = raters.ranking_vectors[people_rows]
        sources.append(_sources(raters, people_rows, preferences, release.neighbourhood))
        alpha, prior = release.ranking.alpha, expected[row]
        ranking[row] = fold_in_item(vectors, preferences, alpha, ridge, prior[:rank])
        if release.rating is not None:
            bias[row], rating[row] = fold_in_item_stars(
                raters.rating_vectors[people_rows],
                values - release.mean_rating - raters.biases[people_rows],
                Ridge.from_params(release.rating, release.catalogue.users),
                release.rating.bias_regularization,
                prior[rank:-1],
                float(prior[-1]),
            )
    counts = np.array([item.count for item in items], np.int64)
    since = np.array([item.since for item in items], np.int64)
    return AddedItems(
        item_ids=np.array([item.item_id for item in items], np.int64),
        ranking_factors=ranking,
        rating_factors=rating,
        item_bias=bias,
        counts=counts,
        means=np.array([item.mean or 0.0 for item in items], np.float32),
        popularity_counts=popularity_count(counts, since, release.catalogue.ratings),
        source_starts=np.cumsum([0, *(len(rows) for rows, _ in sources)]),
        source_rows=np.concatenate([NO_ROWS, *(rows for rows, _ in sources)]).astype(np.int32),
        source_weights=np.concatenate([NO_ROWS, *(w for _, w in sources)]).astype(np.float16),
        genres=[item.genres for item in items],
        years=[item.year for item in items],
    )


def _sources(
    raters: Raters,
    people_rows: Int64Array,
    preferences: Float64Array,
    params: NeighbourhoodParams | None,
) -> tuple[IntArray, FloatArray]:
    """Return rows of the items whose ratings add to a new item's score, and their weights."""
    people_rows, preferences = people_rows[:MOST_REGRESSED], preferences[:MOST_REGRESSED]
    if params is None or not len(people_rows):
        return NO_ROWS, np.empty(0)
    known = [raters.known[row] for row in people_rows.tolist()]
    return fold_in_item_neighbours(
        np.cumsum([0, *(len(rows) for rows, _ in known)]),
        np.concatenate([rows for rows, _ in known]),
        np.concatenate([counted(values, params.objective) for _, values in known]),
        counted(preferences, params.objective),
        params.regularization,
        min(params.neighbours, MOST_SOURCES),
    )


@dataclass(frozen=True)
class Raters:
    """The ratings of new items, item by item: item ``k`` was given
    ``values[starts[k]:starts[k + 1]]`` by the people at ``rows``, of whom the other arrays have a
    row each, and ``known`` the rows and preferences of what else they have rated."""

    starts: Int64Array
    rows: Int64Array
    values: Float64Array
    ranking_vectors: Float32Array
    rating_vectors: Float32Array
    biases: Float64Array
    known: Sequence[tuple[IntArray, FloatArray]]

    @classmethod
    def of(
        cls,
        model: Model,
        item_ids: Int64Array,
        given: Given,
        ratings_of: Callable[[Sequence[int]], Mapping[int, RatingsByItem]],
    ) -> Raters:
        """Fold in those who gave the ratings, PEOPLE_AT_A_TIME. ``item_ids``: ascending."""
        order = np.lexsort((given.user_ids, given.item_ids))
        user_ids, rows = np.unique(given.user_ids[order], return_inverse=True)
        arrays = model.release.arrays
        x = np.empty((len(user_ids), arrays.ranking_factors.shape[1]), np.float32)
        p = np.empty((len(user_ids), arrays.rating_factors.shape[1]), np.float32)
        biases, others = np.empty(len(user_ids)), []
        for start in range(0, len(user_ids), PEOPLE_AT_A_TIME):
            people = user_ids[start : start + PEOPLE_AT_A_TIME].tolist()
            ratings = ratings_of(people)
            known = [model.known_ratings(ratings[user_id]) for user_id in people]
            others += [as_known(model, *of_one) for of_one in known]
            for positions, folded in fold_in_many(model, known):
                places = start + np.array(positions)
                x[places], p[places] = folded.ranking_vectors, folded.rating_vectors
                biases[places] = folded.biases
        starts = np.searchsorted(given.item_ids[order], [*item_ids, np.iinfo(np.int64).max])
        return cls(starts, rows, given.values[order], x, p, biases, others)


def as_known(
    model: Model, rows: Int64Array, values: Float64Array
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the rows and preferences of a rater's ratings, in little memory."""
    return rows.astype(np.int32), np.asarray(model.feedback.preference(values), np.float32)
