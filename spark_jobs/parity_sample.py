"""Samples trained users and items: serving checks that fold-in returns their trained vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.feedback import Hours, Stars, feedback_of
from recommender.neighbourhood import counted
from recommender.storage.release import ParitySample, Release
from spark_jobs.als import solver
from spark_jobs.als.rating_blocks import Block, BlockedRatings, BlockedSide
from spark_jobs.fit_models import FittedModels
from spark_jobs.neighbourhood.fit import FittedNeighbourhood

PARITY_USERS = PARITY_ITEMS = 200
# Of the items that are sampled, so that the vectors of their raters are few.
MOST_RATERS = 40
PROBES = 50


def sample_parity(stars: BlockedRatings, models: FittedModels, release: Release) -> ParitySample:
    """Sample users evenly over the ids, with their ratings and the vectors that training found.

    The rating model's factors are complete only once both models are fitted, and its user vectors
    serve this check alone: so they are solved here, with the kernel of the fit, for these users.
    """
    every = max(1, len(stars.users.ids) // PARITY_USERS)
    wanted = np.arange(0, len(stars.users.ids), every)[:PARITY_USERS]

    starts, columns, ratings = _ratings_of(stars.users, wanted)
    user_ids, arrays = stars.users.ids[wanted], models.arrays
    rating_vectors = np.zeros((len(wanted), 0), np.float32)
    if release.rating is not None:
        user_bias = np.repeat(models.user_bias[wanted], np.diff(starts))
        residuals = ratings - np.float32(models.mean_rating) - user_bias - arrays.item_bias[columns]
        block = Block(0, starts, columns, residuals)
        rating_vectors = solver.solve_rows(block, arrays.rating_factors, release.rating)
    feedback = feedback_of(release.catalogue, release.ranking)
    preferences = feedback.preference(ratings)
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
        **_sample_items(stars, models, release, feedback),
    )


def _ratings_of(
    side: BlockedSide, wanted: Int64Array
) -> tuple[Int64Array, Int64Array, Float32Array]:
    """Return the ratings of the ``wanted`` rows, ascending: where each row's start, the rows of the
    other side, and the values."""

    def of_block(block: Block) -> list[tuple[Any, Any]]:
        ends = block.first_row + len(block.counts)
        rows = wanted[(wanted >= block.first_row) & (wanted < ends)] - block.first_row
        pieces = [slice(block.starts[row], block.starts[row + 1]) for row in rows]
        return [(block.columns[piece], block.values[piece]) for piece in pieces]

    sampled = [pair for pairs in side.map(of_block) for pair in pairs]
    starts = np.cumsum([0, *(len(columns) for columns, _ in sampled)])
    columns = np.concatenate([columns for columns, _ in sampled])
    values = np.concatenate([values for _, values in sampled]).astype(np.float32)
    return starts, columns, values


def _sample_items(
    stars: BlockedRatings, models: FittedModels, release: Release, feedback: Stars | Hours
) -> dict[str, Any]:
    """Sample items with few raters, with these raters' vectors and preferences.

    Training improves items by a few steps an iteration: here their equations are solved to the
    end, with its kernel.
    """
    few = np.argsort(stars.items.counts, kind="stable")
    number = max(PARITY_ITEMS, int((stars.items.counts <= MOST_RATERS).sum()))
    few = few[:number]
    wanted = np.sort(few[:: max(1, len(few) // PARITY_ITEMS)][:PARITY_ITEMS])
    starts, raters, ratings = _ratings_of(stars.items, wanted)
    preferences = np.asarray(feedback.preference(ratings), np.float32)
    users = models.ranking.vectors_of(stars.users.ids)
    block = Block(0, starts, raters, preferences)
    return {
        "rater_starts": starts,
        "rater_vectors": users[raters],
        "rater_preferences": preferences,
        "item_vectors": solver.solve_rows(block, users, release.ranking),
    }


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
