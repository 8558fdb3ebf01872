"""Checks parity: folding trained users, and items, in again returns their trained vectors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recommender.fold_in import Ridge
from recommender.item_fold_in import fold_in_item
from recommender.model import Model
from recommender.storage.release import ParitySample, Release


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference between folded-in and trained vectors, by model, and between
    what the neighbourhood adds to scores in serving and in training. ``items``: number and largest
    difference of ranking vectors of items, folded in from their raters."""

    users: int
    ranking: float
    rating: float
    neighbourhood: float = 0.0
    items: int = 0
    item_vectors: float = 0.0

    TOLERANCE = 1e-4

    @property
    def holds(self) -> bool:
        differences = self.ranking, self.rating, self.neighbourhood, self.item_vectors
        return all(difference <= self.TOLERANCE for difference in differences)


def check_parity(release: Release) -> Parity:
    """Fold the release's sample of trained users in again and compare with trained vectors."""
    model, sample = Model(release), release.parity_sample()
    ranking, rating, neighbourhood = [0.0], [0.0], [0.0]
    weight = release.neighbourhood.weight if release.neighbourhood else 0.0
    sums = sample.neighbour_sums.reshape(len(sample.user_ids), len(sample.probe_ids))
    probes = model.items.index.known_rows(sample.probe_ids)
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
        len(sample.item_vectors),
        _largest_item_difference(release, sample),
    )


def _largest_item_difference(release: Release, sample: ParitySample) -> float:
    ridge = Ridge.from_params(release.ranking, release.catalogue.users)
    nothing_expected, largest = np.zeros(release.ranking.rank), 0.0
    for row, (start, end) in enumerate(pairwise(sample.rater_starts)):
        folded = fold_in_item(
            np.asarray(sample.rater_vectors[start:end], np.float64),
            sample.rater_preferences[start:end],
            release.ranking.alpha,
            ridge,
            nothing_expected,
            prior_weight=1.0,
            user_gram=release.user_gram,
        )
        largest = max(largest, float(np.abs(folded - sample.item_vectors[row]).max()))
    return largest
