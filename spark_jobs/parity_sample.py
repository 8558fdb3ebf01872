"""Samples trained users, with whom serving checks that fold-in returns their trained vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.feedback import feedback_of
from recommender.neighbourhood import counted
from recommender.storage.release import ParitySample, Release
from spark_jobs.als import solver
from spark_jobs.als.rating_blocks import Block, BlockedRatings
from spark_jobs.fit_models import FittedModels
from spark_jobs.neighbourhood.fit import FittedNeighbourhood

PARITY_USERS = 200
PROBES = 50


def sample_parity(stars: BlockedRatings, models: FittedModels, release: Release) -> ParitySample:
    """Sample users evenly over the ids, with their ratings and the vectors that training found.

    The rating model's factors are complete only once both models are fitted, and its user vectors
    serve this check alone: so they are solved here, with the kernel of the fit, for these users.
    """
    every = max(1, len(stars.users.ids) // PARITY_USERS)
    wanted = np.arange(0, len(stars.users.ids), every)[:PARITY_USERS]

    def ratings_of_sample(block: Block) -> list[tuple[Any, Any]]:
        ends = block.first_row + len(block.counts)
        rows = wanted[(wanted >= block.first_row) & (wanted < ends)] - block.first_row
        pieces = [slice(block.starts[row], block.starts[row + 1]) for row in rows]
        return [(block.columns[piece], block.values[piece]) for piece in pieces]

    sampled = [pair for pairs in stars.users.map(ratings_of_sample) for pair in pairs]
    user_ids, arrays = stars.users.ids[wanted], models.arrays
    starts = np.cumsum([0, *(len(columns) for columns, _ in sampled)])
    columns = np.concatenate([columns for columns, _ in sampled])
    ratings = np.concatenate([values for _, values in sampled]).astype(np.float32)
    rating_vectors = np.zeros((len(wanted), 0), np.float32)
    if release.rating is not None:
        user_bias = np.repeat(models.user_bias[wanted], np.diff(starts))
        residuals = ratings - np.float32(models.mean_rating) - user_bias - arrays.item_bias[columns]
        block = Block(0, starts, columns, residuals)
        rating_vectors = solver.solve_users(block, arrays.rating_factors, release.rating)
    preferences = feedback_of(release.catalogue, release.ranking).preference(ratings)
    if release.neighbourhood:
        preferences = counted(preferences, release.neighbourhood.objective)
    probes, sums = _neighbour_sums(stars, models.neighbourhood, starts, columns, preferences)
    return ParitySample(
        user_ids=user_ids,
        starts=starts,
        item_ids=stars.items.ids[columns],
        ratings=ratings,
        ranking_vectors=models.ranking.vectors_of(user_ids),
        rating_vectors=rating_vectors,
        probe_ids=stars.items.ids[probes],
        neighbour_sums=sums,
    )


def _neighbour_sums(
    stars: BlockedRatings,
    fitted: FittedNeighbourhood | None,
    starts: Int64Array,
    columns: Int64Array,
    preferences: Float64Array,
) -> tuple[Int64Array, Float32Array]:
    """Return rows of items, those with the most neighbours' weight, and what each user's ratings
    add to their scores, by the weights as they were fitted: of each item, not of each rating."""
    users = len(starts) - 1
    if fitted is None:
        return np.empty(0, np.int64), np.empty((users, 0), np.float32)
    weights = np.abs(fitted.by_target["weight"]).sum(axis=1, dtype=np.float64)
    probes = np.sort(np.argsort(-weights, kind="stable")[:PROBES])
    sums = np.zeros((users, len(probes)), np.float32)
    for user in range(users):
        rated = np.zeros(len(stars.items.ids))
        places = slice(starts[user], starts[user + 1])
        rated[columns[places]] = preferences[places]
        found = fitted.by_target[probes]
        sums[user] = (np.where(found["item"] < 0, 0, rated[found["item"]]) * found["weight"]).sum(1)
    return probes, sums
