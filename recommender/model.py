"""The models of a release: fold a user in, rank the catalogue, predict ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np

from recommender.added_items import AddedItems
from recommender.arrays import BoolArray, Float64Array, FloatArray, Int64Array, IntArray
from recommender.feedback import feedback_of
from recommender.fold_in import Ridge, fold_in_ranking, gram
from recommender.item_index import UNKNOWN
from recommender.item_metadata import Filter
from recommender.neighbourhood import Neighbourhood
from recommender.rating_model import RatingModel
from recommender.served_items import ServedItems
from recommender.storage.release import Release
from recommender.top_n import scores_of

RatingsByItem = Mapping[int, float]
# The bias and rating vector of everyone in a catalogue without stars.
NO_STARS: tuple[float, FloatArray] = (0.0, np.empty(0))
NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Person:
    """A person folded into the model. ``rated_rows``: rows of the items they have rated.
    ``neighbour_scores``: what the neighbourhood adds to each item's score, (items,)."""

    ranking_vector: FloatArray
    bias: float
    rating_vector: FloatArray
    rated_rows: Int64Array
    neighbour_scores: Float64Array | None


@dataclass(frozen=True)
class Recommendation:
    """``score`` orders the list and has no unit. ``predicted_rating`` is in stars; in a catalogue
    without stars it is None, and there is a ``match`` instead (``Model.match``)."""

    item_id: int
    score: float
    predicted_rating: float | None
    match: float | None

    @property
    def guess(self) -> float | None:
        return self.match if self.predicted_rating is None else self.predicted_rating


class Model:
    """The models of one release. Ratings are stars or hours played, by item id; unknown items are
    ignored. With hours there is no rating model, and no stars are predicted."""

    def __init__(self, release: Release):
        self.release = release
        self.version = release.version
        self.catalogue = release.catalogue
        self.items = ServedItems(release)
        self.feedback = feedback_of(release.catalogue, release.ranking)
        self.ranking_ridge = Ridge.from_params(release.ranking, len(self.items))
        self.rating_model = RatingModel.from_release(release)
        self.neighbourhood = Neighbourhood.from_release(release)
        # Of the release's items, and of added ones.
        self.neighbourhoods: tuple[Neighbourhood, ...]
        self.neighbourhoods = (self.neighbourhood,) if self.neighbourhood else ()
        self.gram = gram(release.arrays.ranking_factors)

    def with_added(self, added: AddedItems) -> Model:
        """Return the model with these items, and no others, beside those of its release: itself if
        it has them."""
        if self.items.added is (added or None):
            return self
        model = copy(self)
        model.items = self.items.with_added(added)
        model.neighbourhoods = self.neighbourhoods[:1]
        if self.release.neighbourhood and len(added):
            fitted = self.items.fitted
            of_added = Neighbourhood(
                added.neighbours(fitted), self.release.neighbourhood, len(added), fitted
            )
            model.neighbourhoods += (of_added,)
        if self.rating_model:
            model.rating_model = self.rating_model.of(model.items.arrays)
        return model

    def fold_in(self, ratings: RatingsByItem) -> Person:
        """Fold a person in from their current ratings."""
        arrays, ranking = self.items.arrays, self.release.ranking
        rows, values = self.known_ratings(ratings)
        rating_model = self.rating_model
        bias, rating_vector = rating_model.fold_in(rows, values) if rating_model else NO_STARS
        preferences = self.feedback.preference(values)
        ranking_vector = fold_in_ranking(
            self.gram,
            arrays.ranking_factors[rows],
            preferences,
            ranking.alpha,
            self.ranking_ridge,
        )
        neighbour_scores = self.neighbour_scores(rows, preferences)
        return Person(ranking_vector, bias, rating_vector, rows, neighbour_scores)

    def neighbour_scores(self, rows: Int64Array, preferences: FloatArray) -> Float64Array | None:
        """Return what the neighbourhood adds to each item's score; None in a release without."""
        if not self.neighbourhoods:
            return None
        parts = [part.scores(rows, preferences) for part in self.neighbourhoods]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def recommend(
        self,
        person: Person,
        n: int,
        hidden: Iterable[int] = (),
        wanted: Filter | None = None,
        known: int = 0,
    ) -> list[Recommendation]:
        """Return the ``n`` best items that the person has not rated (any where the catalogue says
        ``recommend_again``), without the ``hidden`` ids.

        ``score_j = x·y_j + w·Σ_i s_i·B[i, j] + β·log(1 + count_j)``: without ratings it is the
        popular list.
        ``wanted``: only items that pass the filter, ``n`` where so many do. ``known``: how well
        known they are to be, a key of ``popularity.BANDS``.
        """
        allowed = self.items.allowed(wanted, known)
        excluded = np.concatenate([self.left_out(person), self.items.index.known_rows(hidden)])
        rows, scores = self.best(person, n, excluded, allowed)
        return self.as_recommendations(person, rows, scores)

    def left_out(self, person: Person) -> Int64Array:
        """Return rows of the items that are on no list because of the person's ratings."""
        return NO_ROWS if self.catalogue.recommend_again else person.rated_rows

    def as_recommendations(
        self, person: Person, rows: Int64Array, scores: Float64Array
    ) -> list[Recommendation]:
        """Return the items of ``rows`` with their scores and predicted ratings or matches."""
        rating_model = self.rating_model
        stars = (
            rating_model.predict(person.bias, person.rating_vector, rows).tolist()
            if rating_model
            else [None] * len(rows)
        )
        match = [None] * len(rows) if rating_model else self.match_rows(person, rows).tolist()
        ids = self.items.index.item_ids[rows].tolist()
        return [
            Recommendation(*row) for row in zip(ids, scores.tolist(), stars, match, strict=True)
        ]

    def best(
        self, person: Person, n: int, excluded_rows: IntArray, allowed: BoolArray | None = None
    ) -> tuple[Int64Array, Float64Array]:
        """Return rows and scores of the ``n`` best items. ``allowed``: a mask, (items,)."""
        return self.items.best(
            person.ranking_vector, n, excluded_rows, allowed, person.neighbour_scores
        )

    def estimate(self, person: Person, item_ids: Iterable[int]) -> dict[int, float]:
        """Predict stars of known items, by id; nothing in a catalogue without stars."""
        if self.rating_model is None:
            return {}
        rows = self.items.index.known_rows(item_ids)
        stars = self.rating_model.predict(person.bias, person.rating_vector, rows)
        return dict(zip(self.items.index.item_ids[rows].tolist(), stars.tolist(), strict=True))

    def match(self, person: Person, item_ids: Iterable[int]) -> dict[int, float]:
        """Return how well known items fit those that the person has, by id, from 0 to 1: 1 is the
        mean of those that they have."""
        rows = self.items.index.known_rows(item_ids)
        match = self.match_rows(person, rows).tolist()
        return dict(zip(self.items.index.item_ids[rows].tolist(), match, strict=True))

    def rank(self, person: Person, item_id: int, hidden: Iterable[int] = ()) -> int | None:
        """Return the rank of ``item_id`` in the person's whole list, from 1; None if not in it."""
        (row,) = self.items.index.rows([item_id])
        if row == UNKNOWN:
            return None
        excluded = np.concatenate([self.left_out(person), self.items.index.known_rows(hidden)])
        return self.items.rank(person.ranking_vector, int(row), excluded, person.neighbour_scores)

    def known_ratings(self, ratings: RatingsByItem) -> tuple[Int64Array, Float64Array]:
        """Return rows and values of the ratings whose item the model knows."""
        rows = self.items.index.rows(ratings)
        known = rows != UNKNOWN
        return rows[known], np.fromiter(ratings.values(), dtype=np.float64)[known]

    def scores(self, person: Person) -> Float64Array:
        """Return the score of each item by row; -inf for items never recommended."""
        factors = self.items.arrays.ranking_factors
        scores = scores_of(factors, self.items.popularity, person.ranking_vector)
        return scores if person.neighbour_scores is None else scores + person.neighbour_scores

    def match_rows(self, person: Person, rows: Int64Array) -> Float64Array:
        """Return how well items fit, divided by the mean over the person's items, clipped to 0–1.
        Training pulls ``x·y_i`` towards 1 for items that people have, less for people who have
        few."""
        mean = self.fits(person, person.rated_rows).mean() if len(person.rated_rows) else 0.0
        return (self.fits(person, rows) / mean).clip(0, 1) if mean > 0 else np.zeros(len(rows))

    def fits(self, person: Person, rows: Int64Array) -> FloatArray:
        """Return how well items fit a person: their scores without popularity, (rows,)."""
        fit = self.items.arrays.ranking_factors[rows] @ person.ranking_vector
        return fit if person.neighbour_scores is None else fit + person.neighbour_scores[rows]
