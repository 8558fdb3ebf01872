"""Checks the arrays of a release as they are read: their shapes, types and values."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recommender.errors import ReleaseError
from recommender.storage.release import (
    ITEM_PRIOR,
    USER_GRAM,
    ItemArrays,
    NeighbourArrays,
    Release,
    array_fields,
)

# Shape and type of each array, by name.
Expected = dict[str, tuple[tuple[int, ...], type]]


def check_arrays(release: Release, folder: Path) -> None:
    items = release.arrays.item_ids.size
    width = 0
    if release.rating is not None:
        width = max([release.rating.rank, *release.arrays.rating_factors.shape[1:]])
    expected: Expected = {
        "item_ids": ((items,), np.int64),
        "ranking_factors": ((items, release.ranking.rank), np.float32),
        "rating_factors": ((items, width), np.float32),
        "item_bias": ((items,), np.float32),
        "item_counts": ((items,), np.int64),
        "item_means": ((items,), np.float32),
    }
    _check_values(array_fields(release.arrays), expected, folder)
    if np.any(np.diff(release.arrays.item_ids) <= 0):
        raise ReleaseError(f"{folder}/item_ids.npy: ids must be strictly ascending; train again")
    if np.any(release.arrays.item_counts < 0):
        raise ReleaseError(f"{folder}/item_counts.npy: holds negative counts; train again")
    _forget_pages(release.arrays)


def check_item_prior(release: Release, folder: Path) -> None:
    """Check what new items are folded in with, where the release has it."""
    prior, user_gram, rank = release.item_prior, release.user_gram, release.ranking.rank
    if prior is None or user_gram is None:
        return
    width = rank + release.arrays.rating_factors.shape[1] + 1
    expected: Expected = {
        ITEM_PRIOR: ((1 + len(prior.words), width), np.float32),
        USER_GRAM: ((rank, rank), np.float64),
    }
    _check_values({ITEM_PRIOR: prior.table, USER_GRAM: user_gram}, expected, folder)


def check_neighbours(arrays: NeighbourArrays, items: int, folder: Path) -> None:
    weights = arrays.neighbour_rows.size
    expected: Expected = {
        "neighbour_starts": ((items + 1,), np.int64),
        "neighbour_rows": ((weights,), np.int32),
        "neighbour_weights": ((weights,), np.float16),
    }
    _check_values(array_fields(arrays), expected, folder)
    starts, rows = arrays.neighbour_starts, arrays.neighbour_rows
    if starts[0] != 0 or starts[-1] != weights or np.any(np.diff(starts) < 0):
        raise ReleaseError(
            f"{folder}/neighbour_starts.npy: must ascend from 0 to {weights}; train again"
        )
    ascending = np.diff(rows) > 0
    ends = starts[(starts > 0) & (starts < weights)]
    ascending[ends - 1] = True
    if np.any(rows < 0) or np.any(rows >= items) or not ascending.all():
        raise ReleaseError(
            f"{folder}/neighbour_rows.npy: must be rows of items, ascending within each; train"
            " again"
        )
    _forget_pages(arrays)


def check_keys(folder: Path, names: Sequence[str], text: Any, starts: Any, order: Any) -> None:
    """Check that each key of a side can be found."""
    kinds = (np.uint8, np.int64, np.int32)
    for name, array, kind in zip(names, (text, starts, order), kinds, strict=True):
        if array.ndim != 1 or array.dtype != kind:
            raise ReleaseError(
                f"{folder / name}.npy: {array.dtype} of shape {array.shape}, not a row of"
                f" {np.dtype(kind)}; publish the release again"
            )
    sound = len(starts) == len(order) + 1 and starts[0] == 0 and starts[-1] == len(text)
    if not sound or np.any(np.diff(starts) <= 0) or np.any(np.sort(order) != np.arange(len(order))):
        raise ReleaseError(
            f"{folder / names[0]}.npy: its starts or order do not fit; publish the release again"
        )


def _check_values(arrays: Mapping[str, Any], expected: Expected, folder: Path) -> None:
    for name, array in arrays.items():
        shape, dtype = expected[name]
        if array.shape != shape or array.dtype != dtype:
            raise ReleaseError(
                f"{folder / name}.npy: {array.dtype} of shape {array.shape},"
                f" not {np.dtype(dtype)} of {shape}; publish the release again"
            )
        if not np.all(np.isfinite(array)):
            raise ReleaseError(f"{folder / name}.npy: holds NaN or infinity; train again")


def _forget_pages(arrays: ItemArrays | NeighbourArrays) -> None:
    """Free what was looked through once; what is needed again comes back from the file."""
    for array in array_fields(arrays).values():
        if isinstance(array.base, mmap.mmap):
            array.base.madvise(mmap.MADV_DONTNEED)
