"""Reads a release from its folder, and verifies every file and value of it."""

from __future__ import annotations

import json
import mmap
import sys
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from recommender.catalogue import LARGEST_ID, Catalogue
from recommender.errors import ConfigError, ReleaseError
from recommender.feedback import IMPLICIT, KINDS
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import (
    FORMAT_VERSION,
    ITEMS,
    MANIFEST,
    NOT_AN_ARRAY,
    PARITY,
    ItemArrays,
    Release,
    array_fields,
    file_digest,
)
from recommender.typed import check_types


def read_release(folder: Path) -> Release:
    """Read and verify a release.

    Raises ReleaseError naming the file that is missing, damaged, or of a newer format.
    """
    manifest = _read_manifest(folder / MANIFEST)
    try:
        files, ranking = manifest["files"], manifest["ranking"]
        _verify_files(folder, files)
        _check_complete(RankingParams, ranking)
        where = str(folder / MANIFEST)
        catalogue = Catalogue(**manifest["catalogue"])
        mean_rating, rating = _rating_head(manifest["rating"], catalogue, where)
        release = Release(
            version=manifest["version"],
            created_at=manifest["created_at"],
            catalogue=catalogue,
            ranking=RankingParams.from_mapping(ranking, where),
            mean_rating=mean_rating,
            rating=rating,
            inputs=manifest["inputs"],
            metrics=manifest["metrics"],
            seconds=manifest["seconds"],
            arrays=_read_arrays(folder),
            folder=folder,
        )
        _check_facts(release)
    except (KeyError, TypeError, AttributeError, ValueError, ConfigError) as error:
        raise ReleaseError(
            f"{folder / MANIFEST}: not a complete manifest ({error}); publish the release again"
        ) from error
    _check_scale(release, folder / MANIFEST)
    _check_arrays(release, folder)
    return release


def _rating_head(
    section: Mapping[str, Any], catalogue: Catalogue, where: str
) -> tuple[float, RatingParams | None]:
    """The mean rating, and the head's parameters where people give stars."""
    if catalogue.feedback not in KINDS:
        raise ConfigError(f"feedback {catalogue.feedback!r} is none of {', '.join(KINDS)}")
    values = dict(section)
    mean = values.pop("mean_rating")
    if catalogue.feedback == IMPLICIT:
        return mean, None
    _check_complete(RatingParams, values)
    return mean, RatingParams.from_mapping(values, where)


def _check_complete(head: type[RankingParams | RatingParams], values: Mapping[str, Any]) -> None:
    """A default is for training to choose; a release says what it was fitted with."""
    if missing := [f.name for f in fields(head) if f.name not in values]:
        raise KeyError(missing[0])


def _check_facts(release: Release) -> None:
    """Raises TypeError or ValueError for a value that no release has."""
    check_types(release)
    check_types(release.catalogue)
    if datetime.fromisoformat(release.created_at).tzinfo is None:
        raise ValueError(f"created_at {release.created_at!r} is of no time zone")
    if not 0 <= release.catalogue.max_user_id <= LARGEST_ID:
        raise ValueError(f"max_user_id {release.catalogue.max_user_id} is no id")


def _check_scale(release: Release, path: Path) -> None:
    scale, neutral = release.catalogue, release.ranking.neutral
    numbers = {
        "rating_min": scale.rating_min,
        "rating_max": scale.rating_max,
        "rating_step": scale.rating_step,
        "mean_rating": release.mean_rating,
    }
    for name, value in numbers.items():
        if not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            raise ReleaseError(f"{path}: {name} must be a number, not {value!r}; train again")
    if scale.rating_step <= 0:
        raise ReleaseError(
            f"{path}: rating_step must be above 0, not {scale.rating_step:g}; train again"
        )
    lowest = scale.rating_min if scale.feedback == IMPLICIT else max(scale.rating_min, neutral)
    if not lowest < scale.rating_max:
        raise ReleaseError(
            f"{path}: rating_max ({scale.rating_max:g}) must be above rating_min"
            f" ({scale.rating_min:g}) and neutral ({neutral:g}); train again"
        )


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        written_as = manifest["format_version"]
    except FileNotFoundError as error:
        raise ReleaseError(f"{path}: missing, so this is no release; train one") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReleaseError(f"{path}: not a manifest ({error}); publish it again") from error
    if written_as != FORMAT_VERSION:
        raise ReleaseError(
            f"{path}: format {written_as}, and this version of Marquee reads {FORMAT_VERSION};"
            " upgrade Marquee, or train again with this version"
        )
    return dict(manifest)


def _verify_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    arrays = [f"{f.name}.npy" for f in fields(ItemArrays)]
    if missing := sorted({*arrays, ITEMS, PARITY} - set(files)):
        raise ReleaseError(
            f"{folder / MANIFEST}: does not list {missing[0]}; publish the release again"
        )
    for name, expected in files.items():
        try:
            _verify_file(folder, name, expected)
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{folder / MANIFEST}: {name!r} cannot be read ({error}); publish the release again"
            ) from error


def _verify_file(folder: Path, name: str, expected: Mapping[str, Any]) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ReleaseError(
            f"{folder / MANIFEST}: names a file outside the release, {name!r};"
            " publish the release again"
        )
    if not path.is_file():
        raise ReleaseError(f"{path}: missing; publish the release again")
    if path.stat().st_size != expected["size"]:
        raise ReleaseError(
            f"{path}: {path.stat().st_size} bytes, not {expected['size']};"
            " publish the release again"
        )
    if file_digest(path)["sha256"] != expected["sha256"]:
        raise ReleaseError(f"{path}: damaged (its sha256 differs); publish the release again")


def _read_arrays(folder: Path) -> ItemArrays:
    arrays = {}
    for spec in fields(ItemArrays):
        path = folder / f"{spec.name}.npy"
        try:
            arrays[spec.name] = np.lib.format.open_memmap(path, mode="r")  # never unpickles
        except NOT_AN_ARRAY as error:
            raise ReleaseError(f"{path}: not an array ({error}); publish it again") from error
    return ItemArrays(**arrays)


def _check_arrays(release: Release, folder: Path) -> None:
    items = release.arrays.item_ids.size
    width = 0
    if release.rating is not None:
        width = max([release.rating.rank, *release.arrays.rating_factors.shape[1:]])
    expected: dict[str, tuple[tuple[int, ...], type]] = {
        "item_ids": ((items,), np.int64),
        "ranking_factors": ((items, release.ranking.rank), np.float32),
        "rating_factors": ((items, width), np.float32),
        "item_bias": ((items,), np.float32),
        "item_counts": ((items,), np.int64),
        "item_means": ((items,), np.float32),
    }
    for name, array in array_fields(release.arrays).items():
        shape, dtype = expected[name]
        if array.shape != shape or array.dtype != dtype:
            raise ReleaseError(
                f"{folder / name}.npy: {array.dtype} of shape {array.shape},"
                f" not {np.dtype(dtype)} of {shape}; publish the release again"
            )
        if not np.all(np.isfinite(array)):
            raise ReleaseError(f"{folder / name}.npy: holds NaN or infinity; train again")
        if isinstance(array.base, mmap.mmap):
            # Looked through once; what is needed again comes back from the file.
            array.base.madvise(mmap.MADV_DONTNEED)
    if np.any(np.diff(release.arrays.item_ids) <= 0):
        raise ReleaseError(f"{folder}/item_ids.npy: ids must be strictly ascending; train again")
    if np.any(release.arrays.item_counts < 0):
        raise ReleaseError(f"{folder}/item_counts.npy: holds negative counts; train again")
