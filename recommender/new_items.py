"""Folds in the items that came after training, from all their raters at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommender.added_items import AddedItems, popularity_count
from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.batch import fold_in_many
from recommender.errors import ReleaseError
from recommender.fold_in import Ridge
from recommender.item_fold_in import fold_in_item, fold_in_item_stars
from recommender.model import Model, RatingsByItem


@dataclass(frozen=True)
class NewItem:
    """An item that the release has no factors of. ``since``: ratings given by anyone to anything
    since it came."""

    item_id: int
    year: int | None
    genres: Sequence[str]
    creators: Sequence[str]
    since: int


def fold_in_new_items(
    model: Model, items: Sequence[NewItem], people: Mapping[int, RatingsByItem]
) -> AddedItems:
    """Return the ``items`` folded in, in order of their ids.

    ``model``: without added items. ``people``: all ratings of everyone who has rated one of them,
    by user id. Their vectors come from what else they have rated. Raises ReleaseError for a release
    that has no prior of items.
    """
    items = sorted(items, key=lambda item: item.item_id)
    item_ids = np.array([item.item_id for item in items], np.int64)
    return fold_in_from(model, items, Raters.of(model, people, item_ids))


def fold_in_from(model: Model, items: Sequence[NewItem], raters: Raters) -> AddedItems:
    """As ``fold_in_new_items``; ``items`` in order of their ids, and their ``raters``."""
    release = model.release
    if release.item_prior is None:
        raise ReleaseError(
            f"release {release.version} is older than the folding in of new titles; train again"
        )
    rank, width = release.arrays.ranking_factors.shape[1], release.arrays.rating_factors.shape[1]
    expected = release.item_prior.expect(items)
    ranking = np.empty((len(items), rank), np.float32)
    rating, bias = np.empty((len(items), width), np.float16), np.zeros(len(items), np.float32)
    ridge = Ridge.from_params(release.ranking, release.catalogue.users)
    for row in range(len(items)):
        part = slice(raters.starts[row], raters.starts[row + 1])
        people_rows, values = raters.rows[part], raters.values[part]
        preferences = np.asarray(model.feedback.preference(values), np.float64)
        vectors = raters.ranking_vectors[people_rows]
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
    counts = np.diff(raters.starts)
    item_rows = np.repeat(np.arange(len(items)), counts)
    sums = np.bincount(item_rows, raters.values, minlength=len(items))
    since = np.array([item.since for item in items])
    return AddedItems(
        item_ids=np.array([item.item_id for item in items], np.int64),
        ranking_factors=ranking,
        rating_factors=rating,
        item_bias=bias,
        counts=counts,
        means=np.asarray(sums / np.maximum(counts, 1), np.float32),
        popularity_counts=popularity_count(counts, since, release.catalogue.ratings),
        genres=[item.genres for item in items],
        years=[item.year for item in items],
    )


@dataclass(frozen=True)
class Raters:
    """The ratings of new items, item by item: item ``k`` was given
    ``values[starts[k]:starts[k + 1]]`` by the people at ``rows``, of whom the other arrays have a
    row each."""

    starts: Int64Array
    rows: Int64Array
    values: Float64Array
    ranking_vectors: Float32Array
    rating_vectors: Float32Array
    biases: Float64Array

    @classmethod
    def of(cls, model: Model, people: Mapping[int, RatingsByItem], item_ids: Int64Array) -> Raters:
        place = {item_id: row for row, item_id in enumerate(item_ids.tolist())}
        given = np.array(
            [
                (place[item_id], row, value)
                for row, ratings in enumerate(people.values())
                for item_id, value in ratings.items()
                if item_id in place
            ]
        ).reshape(-1, 3)
        given = given[np.argsort(given[:, 0], kind="stable")]
        arrays = model.release.arrays
        x = np.empty((len(people), arrays.ranking_factors.shape[1]), np.float32)
        p = np.empty((len(people), arrays.rating_factors.shape[1]), np.float32)
        biases = np.empty(len(people))
        known = [model.known_ratings(ratings) for ratings in people.values()]
        for positions, folded in fold_in_many(model, known):
            x[positions], p[positions] = folded.ranking_vectors, folded.rating_vectors
            biases[positions] = folded.biases
        starts = np.searchsorted(given[:, 0], np.arange(len(item_ids) + 1))
        return cls(starts, given[:, 1].astype(np.int64), given[:, 2], x, p, biases)
