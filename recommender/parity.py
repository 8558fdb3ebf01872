"""Checks parity: folding trained users in again returns their trained vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommender.model import Model
from recommender.storage.release import Release


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference between folded-in and trained vectors, by model, and between
    what the neighbourhood adds to scores in serving and in training."""

    users: int
    ranking: float
    rating: float
    neighbourhood: float = 0.0

    TOLERANCE = 1e-4

    @property
    def holds(self) -> bool:
        differences = self.ranking, self.rating, self.neighbourhood
        return all(difference <= self.TOLERANCE for difference in differences)


def check_parity(release: Release) -> Parity:
    """Fold the release's sample of trained users in again and compare with trained vectors."""
    model, sample = Model(release), release.parity_sample()
    ranking, rating, neighbourhood = [0.0], [0.0], [0.0]
    weight = release.neighbourhood.weight if release.neighbourhood else 0.0
    sums = sample.neighbour_sums.reshape(len(sample.user_ids), len(sample.probe_ids))
    probes = model.item_index.known_rows(sample.probe_ids)
    for row, ratings in sample.users():
        person = model.fold_in(ratings)
        ranking.append(np.abs(person.ranking_vector - sample.ranking_vectors[row]).max())
        rating.append(np.abs(person.rating_vector - sample.rating_vectors[row]).max(initial=0.0))
        if person.neighbour_scores is not None:
            served = person.neighbour_scores[probes]
            neighbourhood.append(np.abs(served - weight * sums[row]).max(initial=0.0))
    return Parity(
        len(sample.user_ids),
        float(np.max(ranking)),
        float(np.max(rating)),
        float(np.max(neighbourhood)),
    )
