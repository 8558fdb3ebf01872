"""Checks parity: folding trained users in again returns their trained vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommender.model import Model
from recommender.storage.release import Release


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference between folded-in and trained vectors, by model."""

    users: int
    ranking: float
    rating: float

    TOLERANCE = 1e-4

    @property
    def holds(self) -> bool:
        return self.ranking <= self.TOLERANCE and self.rating <= self.TOLERANCE


def check_parity(release: Release) -> Parity:
    """Fold the release's sample of trained users in again and compare with trained vectors."""
    model, sample = Model(release), release.parity_sample()
    ranking, rating = [0.0], [0.0]
    for row, ratings in sample.users():
        person = model.fold_in(ratings)
        ranking.append(np.abs(person.ranking_vector - sample.ranking_vectors[row]).max())
        rating.append(np.abs(person.rating_vector - sample.rating_vectors[row]).max(initial=0.0))
    return Parity(len(sample.user_ids), float(np.max(ranking)), float(np.max(rating)))
