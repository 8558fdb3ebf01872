"""The served model and the baselines that evaluation compares it with, to rank or to predict.

They are sent to the workers whole, so they hold arrays and nothing of Spark.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recommender.arrays import Float32Array, Float64Array, FloatArray, Int64Array
from recommender.feedback import EXPLICIT, SCALES
from recommender.fold_in import Ridge, rating_equations, user_bias
from recommender.item_index import UNKNOWN, ItemIndex
from recommender.model import Model
from recommender.top_n import top_n

Ids = Int64Array
Stars = Float64Array
Known = Mapping[int, float]
# A dense matrix of people by titles stays below this, and a square one with a row for each of the
# smaller side.
EASE_CELLS = 100_000_000
EASE_SIDE = 10_000


class Ranker(ABC):
    """Ranks the titles that it knows, ``item_ids``."""

    item_ids: Ids

    @abstractmethod
    def scores(self, known: Known) -> Stars:
        """The score of each of ``item_ids``; higher is better."""

    def top(self, known: Known, n: int, hidden: Iterable[int] = ()) -> Ids:
        """Ids of the ``n`` best titles that are neither known nor ``hidden``, best first."""
        excluded = ItemIndex(self.item_ids).known_rows([*known, *hidden])
        return self.item_ids[top_n(self.scores(known), n, excluded)]


class Predictor(Protocol):
    def stars(self, known: Known, wanted: Iterable[int]) -> Stars:
        """Predicted stars of each ``wanted`` title, known to the model or not."""


class ServedModel(Ranker):
    """The model as the site serves it."""

    def __init__(self, model: Model):
        self.model = model
        self.item_ids = model.items.index.item_ids

    def scores(self, known: Known) -> Stars:
        return self.model.scores(self.model.fold_in(known))

    def top(self, known: Known, n: int, hidden: Iterable[int] = ()) -> Ids:
        person = self.model.fold_in(known)
        ranked = self.model.recommend(person, n, hidden)
        return np.array([row.item_id for row in ranked], np.int64)

    def stars(self, known: Known, wanted: Iterable[int]) -> Stars:
        """A title that the model was not fitted on gets ``μ + b_u``."""
        person = self.model.fold_in(known)
        unknown = float(_on_scale(self.model.release.mean_rating + person.bias))
        wanted = list(wanted)
        estimates = self.model.estimate(person, wanted)
        return np.array([estimates.get(item, unknown) for item in wanted])


@dataclass(frozen=True)
class Popularity(Ranker):
    """The most rated titles."""

    item_ids: Ids
    counts: Int64Array

    def scores(self, known: Known) -> Stars:
        return self.counts.astype(float)


@dataclass(frozen=True)
class Biases:
    """``μ + b_u + b_i`` alone."""

    item_ids: Ids
    mean: float
    item_bias: Float32Array
    regularization: float

    def stars(self, known: Known, wanted: Iterable[int]) -> Stars:
        rows = ItemIndex(self.item_ids)
        values = np.fromiter(known.values(), float)
        deviations = values - self.mean - _or_zero(self.item_bias, rows.rows(known))
        bias = user_bias(deviations, self.regularization)
        return _on_scale(self.mean + bias + _or_zero(self.item_bias, rows.rows(wanted)))


@dataclass(frozen=True)
class RawAls(Ranker):
    """Explicit ALS on unchanged stars, as MLlib is often used."""

    item_ids: Ids
    factors: Float32Array
    mean: float
    ridge: Ridge

    def scores(self, known: Known) -> Stars:
        return np.asarray(self.factors @ self._vector(known), float)

    def stars(self, known: Known, wanted: Iterable[int]) -> Stars:
        """A title that it was not fitted on gets ``μ``."""
        rows = ItemIndex(self.item_ids).rows(wanted)
        stars = self.factors[rows] @ self._vector(known)
        return _on_scale(np.where(rows == UNKNOWN, self.mean, stars))

    def _vector(self, known: Known) -> Stars:
        rows = ItemIndex(self.item_ids).rows(known)
        fitted = rows != UNKNOWN
        values = np.fromiter(known.values(), float)[fitted]
        if not len(values):
            return np.zeros(self.factors.shape[1])
        left, right = rating_equations(self.factors[rows[fitted]], values, self.ridge)
        return np.asarray(np.linalg.solve(left, right), np.float64)


@dataclass(frozen=True)
class Ease(Ranker):
    """The closed-form item–item model of Steck 2019 ("Embarrassingly shallow autoencoders").

        P = (XᵀX + λI)⁻¹      score_j = Σ_i x_i·B_ij      B_ij = −P_ij / P_jj,  B_jj = 0

    By Woodbury's identity ``P = (I − Xᵀ·K·X) / λ`` with ``K = (XXᵀ + λI)⁻¹``, so neither P nor B
    is formed: ``x`` and ``kx = K·X`` are (people, titles), ``diagonal`` is P's.
    """

    item_ids: Ids
    x: Float32Array
    kx: Float32Array
    diagonal: Float64Array
    regularization: float
    liked: float

    @classmethod
    def fit(cls, item_ids: Ids, x: Float32Array, regularization: float, liked: float) -> Ease:
        """``x``: 1 where a person rated a title ``liked`` or more."""
        exact = x.astype(float)
        k = exact @ exact.T
        k[np.diag_indices_from(k)] += regularization
        kx = np.linalg.solve(k, exact)
        diagonal = (1 - np.einsum("ui,ui->i", exact, kx)) / regularization
        return cls(item_ids, x, kx.astype(np.float32), diagonal, regularization, liked)

    def scores(self, known: Known) -> Stars:
        liked = [item for item, stars in known.items() if stars >= self.liked]
        x = np.zeros(len(self.item_ids))
        x[ItemIndex(self.item_ids).known_rows(liked)] = 1
        xp = (x - (self.x @ x) @ self.kx) / self.regularization
        return np.asarray(x - xp / self.diagonal, float)


@dataclass(frozen=True)
class ItemEase(Ranker):
    """``Ease`` where titles are fewer than people: ``weights`` is B, (titles, titles)."""

    item_ids: Ids
    weights: Float32Array
    liked: float

    @classmethod
    def fit(
        cls, item_ids: Ids, gram: Float64Array, regularization: float, liked: float
    ) -> ItemEase:
        """``gram``: XᵀX, how many people rated both of two titles ``liked`` or more; it is
        overwritten."""
        gram[np.diag_indices_from(gram)] += regularization
        p = np.linalg.inv(gram)
        p /= -np.diag(p).copy()
        p[np.diag_indices_from(p)] = 0
        return cls(item_ids, p.astype(np.float32), liked)

    def scores(self, known: Known) -> Stars:
        liked = [item for item, stars in known.items() if stars >= self.liked]
        rows = ItemIndex(self.item_ids).known_rows(liked)
        return np.asarray(self.weights[rows].sum(axis=0), float)


def ease_fits_by_people(people: int, titles: int) -> bool:
    return people <= titles and people <= EASE_SIDE and people * titles <= EASE_CELLS


def ease_fits_by_titles(titles: int) -> bool:
    return titles <= EASE_SIDE


def _or_zero(values: FloatArray, rows: Ids) -> Stars:
    return np.where(rows == UNKNOWN, 0.0, values[rows])


def _on_scale(stars: FloatArray | float) -> Stars:
    scale = SCALES[EXPLICIT]
    return np.clip(np.asarray(stars, float), scale.low, scale.high)
