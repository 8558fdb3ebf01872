"""Fits on one machine: without Spark, the same bytes with any number of threads."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks import data
from recommender.params import RankingParams, RatingParams
from spark_jobs.als import packing, solver
from spark_jobs.als.biases import fit_biases, residuals
from spark_jobs.als.packing import build_blocks
from spark_jobs.als.rating_blocks import BlockedRatings
from spark_jobs.array_cache import MappedArrays, TupleFiles
from spark_jobs.ratings import Ratings

TRAIN = data.split("tiny").train
RANKING = RankingParams(rank=6, iterations=3, regularization=0.3, alpha=5.0)
RATING = RatingParams(rank=6, iterations=3, regularization=0.1)


@dataclass(frozen=True)
class OneMachine:
    """What passes ask Spark's context for."""

    defaultParallelism: int  # noqa: N815
    master: str = "local[*]"


def blocked(threads: int, pieces: int = 3) -> BlockedRatings:
    """Pack the generated ratings, read in several pieces."""
    seconds = np.arange(len(TRAIN.stars))
    cut = [
        Ratings(*columns)
        for columns in zip(
            *(np.array_split(a, pieces) for a in (TRAIN.users, TRAIN.items, TRAIN.stars, seconds)),
            strict=True,
        )
    ]
    files = [TupleFiles(tuple(piece), Ratings) for piece in cut]
    return build_blocks(MappedArrays(OneMachine(threads), files, ()))  # type: ignore[arg-type]


def fitted(threads: int) -> list[bytes]:
    """Fit both models; return all that was found, as bytes."""
    stars = blocked(threads)
    mean = float(TRAIN.stars.mean())
    biases = fit_biases(stars, mean, RATING)
    left_over = residuals(stars, *biases, mean)
    preferences = stars.map_values(lambda _u, _i, values: (values - 2) / 3)
    fits = solver.fit(preferences, RANKING, 1), solver.fit(left_over, RATING, 1)
    for ratings in (stars, left_over, preferences):
        ratings.unpersist()
    vectors = [side.vectors for fit in fits for side in (fit.users, fit.items)]
    return [array.tobytes() for array in (*biases, *vectors)]


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "RATINGS_A_BLOCK", 300)


def test_fit_has_the_same_bytes_with_any_number_of_threads() -> None:
    assert fitted(1) == fitted(2) == fitted(4)


def test_number_of_blocks_depends_on_the_ratings_alone() -> None:
    counts = {len(list(blocked(threads).users.map(len))) for threads in (1, 2, 4)}
    assert counts == {len(TRAIN.stars) // 300}


def test_blocks_do_not_depend_on_the_pieces_in_which_ratings_were_read() -> None:
    def contents(pieces: int) -> list[bytes]:
        packed = blocked(2, pieces)
        sides = (packed.users, packed.items)
        return [
            array.tobytes() for s in sides for block in s.map(lambda b: b) for array in block[1:]
        ]

    assert contents(1) == contents(7)


def test_blocks_are_mapped_files_that_unpersist_removes() -> None:
    """So that the memory of a pass is bounded by what is used of a block, not by all ratings."""
    packed = blocked(2)
    values = next(packed.users.map(lambda block: block.values))
    base = values
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)
    assert isinstance(packed.users.blocks, MappedArrays)
    [folder] = packed.users.blocks.folders
    assert any(folder.iterdir())
    packed.unpersist()
    assert not folder.exists()
