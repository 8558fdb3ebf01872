"""Predicts stars with the rating model of a release."""

from __future__ import annotations

import numpy as np

from recommender.arrays import BoolArray, Float64Array, FloatArray, Int64Array
from recommender.fold_in import Ridge, fold_in_rating, fold_in_rating_many
from recommender.params import RatingParams
from recommender.storage.release import ItemArrays, Release


class RatingModel:
    """``arrays``: of the items that it predicts stars of."""

    def __init__(self, release: Release, params: RatingParams, arrays: ItemArrays):
        self._release, self._params, self._arrays = release, params, arrays
        self._ridge = Ridge.from_params(params, len(release.arrays.item_ids))
        self._shrinkage = params.bias_regularization

    @classmethod
    def from_release(cls, release: Release) -> RatingModel | None:
        """Return None for a catalogue without stars."""
        return cls(release, release.rating, release.arrays) if release.rating else None

    def of(self, arrays: ItemArrays) -> RatingModel:
        """Return the model for these items, of which the first are the release's."""
        return RatingModel(self._release, self._params, arrays)

    def fold_in(self, rows: Int64Array, stars: Float64Array) -> tuple[float, FloatArray]:
        """Return a person's bias and rating vector."""
        factors = self._arrays.rating_factors[rows]
        return fold_in_rating(factors, self._deviations(rows, stars), self._ridge, self._shrinkage)

    def fold_in_many(
        self, rows: Int64Array, stars: Float64Array, rated: BoolArray
    ) -> tuple[Float64Array, Float64Array]:
        """Return those of many people. All three are (people, places); ``rated``: places in use."""
        factors = self._arrays.rating_factors[rows]
        deviations = self._deviations(rows, stars)
        return fold_in_rating_many(factors, deviations, rated, self._ridge, self._shrinkage)

    def predict(self, bias: float, vector: FloatArray, rows: Int64Array) -> Float64Array:
        """Return ``μ + b_u + b_i + p·q_i``, clipped to the scale, of each title, (rows,)."""
        arrays, scale = self._arrays, self._release.catalogue
        stars = (
            self._release.mean_rating
            + bias
            + arrays.item_bias[rows]
            + arrays.rating_factors[rows] @ vector
        )
        return np.clip(stars, scale.rating_min, scale.rating_max)

    def _deviations(self, rows: Int64Array, stars: Float64Array) -> Float64Array:
        return stars - self._release.mean_rating - self._arrays.item_bias[rows]
