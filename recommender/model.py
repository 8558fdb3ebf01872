"""A release made ready to answer: fold a person in, rank the catalogue, predict stars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.factors import UNKNOWN, ItemRows
from recommender.fold_in import Ridge, fold_in_ranking, fold_in_rating, gram, strength
from recommender.ranking import top_n
from recommender.release import Release

Ratings = Mapping[int, float]


@dataclass(frozen=True)
class Person:
    """Someone folded into the model. ``rated_rows``: what the model has that they rated already."""

    ranking_vector: NDArray[np.floating]
    bias: float
    rating_vector: NDArray[np.floating]
    rated_rows: NDArray[np.int64]


@dataclass(frozen=True)
class Recommendation:
    """``score`` orders the list and means nothing by itself; ``predicted_rating`` is in stars."""

    item_id: int
    score: float
    predicted_rating: float


class Model:
    """Both heads of one release. Ratings are stars by item id; unknown items are ignored."""

    def __init__(self, release: Release):
        arrays = release.arrays
        self.release = release
        self.version = release.version
        self.catalogue = release.catalogue
        self.item_rows = ItemRows(arrays.item_ids)
        self._ranking_ridge = Ridge.of(release.ranking, len(arrays.item_ids))
        self._rating_ridge = Ridge.of(release.rating, len(arrays.item_ids))
        self._gram = gram(arrays.ranking_factors)
        popularity = release.ranking.popularity_weight * np.log1p(arrays.item_counts)
        too_few = arrays.item_counts < release.ranking.min_ratings
        self._popularity = np.where(too_few, -np.inf, popularity)

    def fold_in(self, ratings: Ratings) -> Person:
        """A person as the model sees them, from their ratings of this moment."""
        arrays, ranking, rating = self.release.arrays, self.release.ranking, self.release.rating
        rows = self.item_rows.rows(ratings)
        known = rows != UNKNOWN
        rows = rows[known]
        stars = np.fromiter(ratings.values(), dtype=np.float64)[known]
        bias, rating_vector = fold_in_rating(
            arrays.rating_factors[rows],
            stars - self.release.mean_rating - arrays.item_bias[rows],
            self._rating_ridge,
            rating.bias_regularization,
        )
        ranking_vector = fold_in_ranking(
            self._gram,
            arrays.ranking_factors[rows],
            strength(stars, ranking.neutral, self.catalogue.rating_max),
            ranking.alpha,
            self._ranking_ridge,
        )
        return Person(ranking_vector, bias, rating_vector, rows)

    def recommend(self, person: Person, n: int, hidden: Iterable[int] = ()) -> list[Recommendation]:
        """The ``n`` best items the person has not rated, best first, without the ``hidden`` ids.

        ``score_i = x·y_i + β·log(1 + count_i)``: someone unknown (x = 0) gets the popular list.
        """
        vector = person.ranking_vector.astype(np.float32)
        scores = self.release.arrays.ranking_factors @ vector + self._popularity
        excluded = np.concatenate([person.rated_rows, self.item_rows.known_rows(hidden)])
        rows = top_n(scores, n, excluded)
        stars = self._predicted(person, rows)
        ids = self.item_rows.item_ids[rows]
        return [
            Recommendation(*row)
            for row in zip(ids.tolist(), scores[rows].tolist(), stars.tolist(), strict=True)
        ]

    def estimate(self, person: Person, item_ids: Iterable[int]) -> dict[int, float]:
        """Predicted stars of those items that the model knows."""
        rows = self.item_rows.known_rows(item_ids)
        stars = self._predicted(person, rows)
        return dict(zip(self.item_rows.item_ids[rows].tolist(), stars.tolist(), strict=True))

    def _predicted(self, person: Person, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """``μ + b_u + b_i + p·q_i``, clipped to the scale."""
        arrays = self.release.arrays
        stars = (
            self.release.mean_rating
            + person.bias
            + arrays.item_bias[rows]
            + arrays.rating_factors[rows] @ person.rating_vector
        )
        return np.clip(stars, self.catalogue.rating_min, self.catalogue.rating_max)


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference between folded-in and trained vectors, by head."""

    users: int
    ranking: float
    rating: float

    TOLERANCE = 1e-4

    @property
    def holds(self) -> bool:
        return self.ranking <= self.TOLERANCE and self.rating <= self.TOLERANCE


def check_parity(release: Release) -> Parity:
    """Fold the release's sample of trained users in again and compare with what training found."""
    model, sample = Model(release), release.parity_sample()
    ranking, rating = [0.0], [0.0]
    for row, ratings in sample.users():
        person = model.fold_in(ratings)
        ranking.append(np.abs(person.ranking_vector - sample.ranking_vectors[row]).max())
        rating.append(np.abs(person.rating_vector - sample.rating_vectors[row]).max())
    return Parity(len(sample.user_ids), float(np.max(ranking)), float(np.max(rating)))
