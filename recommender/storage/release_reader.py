"""Reads a release from its folder, and verifies every file and value of it."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct

from recommender import VERSION
from recommender.catalogue import Catalogue, Finite
from recommender.errors import ConfigError, ReleaseError, UnknownParameter
from recommender.feedback import IMPLICIT
from recommender.item_prior import ItemPrior
from recommender.keys import CatalogueKeys
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams
from recommender.storage.array_checks import (
    check_arrays,
    check_item_prior,
    check_keys,
    check_neighbours,
)
from recommender.storage.older_formats import fill_manifest
from recommender.storage.release import (
    FORMAT_VERSION,
    ITEM_PRIOR,
    ITEMS,
    MANIFEST,
    NOT_AN_ARRAY,
    PARITY,
    SIDES,
    USER_GRAM,
    WRITTEN_BY,
    ItemArrays,
    NeighbourArrays,
    Release,
    file_digest,
    key_files,
    keys_of,
)
from recommender.validation import convert

Params = TypeVar("Params", RankingParams, RatingParams, NeighbourhoodParams)
Arrays = TypeVar("Arrays", ItemArrays, NeighbourArrays)


class FileDigest(Struct, frozen=True):
    """What the manifest says of a file."""

    size: int
    sha256: str


class RatingSection(Struct, frozen=True):
    mean_rating: Finite


class Manifest(Struct, frozen=True):
    """``release.json``. ``rating``: the mean rating, and the parameters where users give stars.
    ``neighbourhood``: null where the release has none. ``item_prior``: the words of the prior of
    new items, null where the release has none."""

    version: str
    created_at: str
    catalogue: Catalogue
    ranking: dict[str, Any]
    rating: dict[str, Any]
    neighbourhood: dict[str, Any] | None
    inputs: list[dict[str, Any]]
    metrics: dict[str, Any]
    seconds: dict[str, float]
    files: dict[str, FileDigest]
    item_prior: list[str] | None = None

    def __post_init__(self) -> None:
        if datetime.fromisoformat(self.created_at).tzinfo is None:
            raise ValueError(f"created_at {self.created_at!r} has no time zone")
        arrays = fields(ItemArrays)
        if self.neighbourhood is not None:
            arrays += fields(NeighbourArrays)
        names = [f.name for f in arrays]
        if self.catalogue.keyed:
            names += [name for side in SIDES for name in key_files(side)]
        if self.item_prior is not None:
            names += [ITEM_PRIOR, USER_GRAM]
        for name in ITEMS, PARITY, *(f"{name}.npy" for name in names):
            if name not in self.files:
                raise ValueError(f"files does not list {name}")


def read_release(folder: Path) -> Release:
    """Read and verify a release.

    Raises ReleaseError naming the file that is missing, damaged, or of a newer format.
    """
    path = folder / MANIFEST
    values = _read_json(path)
    try:
        manifest = convert(values, Manifest, str(path))
        ranking = _read_params(manifest.ranking, RankingParams, f"{path}, ranking")
        mean_rating = convert(manifest.rating, RatingSection, f"{path}, rating").mean_rating
        rating = None
        if manifest.catalogue.feedback != IMPLICIT:
            written = {k: v for k, v in manifest.rating.items() if k != "mean_rating"}
            rating = _read_params(written, RatingParams, f"{path}, rating")
        neighbourhood = None
        if manifest.neighbourhood is not None:
            neighbourhood = _read_params(
                manifest.neighbourhood, NeighbourhoodParams, f"{path}, neighbourhood"
            )
    except UnknownParameter as error:
        raise ReleaseError(f"{error}; {_upgrade(values)}") from error
    except ConfigError as error:
        raise ReleaseError(f"{error}; publish the release again") from error
    _check_scale(manifest.catalogue, ranking, path)
    for name, digest in manifest.files.items():
        try:
            _verify_file(folder, name, digest)
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{path}: {name!r} cannot be read ({error}); publish the release again"
            ) from error
    release = Release(
        version=manifest.version,
        created_at=manifest.created_at,
        catalogue=manifest.catalogue,
        ranking=ranking,
        mean_rating=mean_rating,
        rating=rating,
        inputs=manifest.inputs,
        metrics=manifest.metrics,
        seconds=manifest.seconds,
        arrays=_read_arrays(folder, ItemArrays),
        neighbourhood=neighbourhood,
        neighbours=_read_arrays(folder, NeighbourArrays) if neighbourhood else None,
        keys=_read_keys(folder) if manifest.catalogue.keyed else None,
        **_read_item_prior(folder, manifest.item_prior),
        folder=folder,
    )
    check_arrays(release, folder)
    if release.neighbours:
        check_neighbours(release.neighbours, len(release.arrays.item_ids), folder)
    check_item_prior(release, folder)
    return release


def _read_json(path: Path) -> Any:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        format_version = values["format_version"]
    except FileNotFoundError as error:
        raise ReleaseError(f"{path}: missing, so this is no release; train one") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReleaseError(f"{path}: not a manifest ({error}); publish it again") from error
    if format_version not in range(1, FORMAT_VERSION + 1):
        raise ReleaseError(
            f"{path}: format {format_version}, and this version of Marquee reads 1 to"
            f" {FORMAT_VERSION}; {_upgrade(values)}"
        )
    return fill_manifest(values, format_version)


def _upgrade(values: dict[str, Any]) -> str:
    """Return what to do about a release of a newer version of Marquee, which it names."""
    version = values.get(WRITTEN_BY)
    needed = f"a newer version of Marquee wrote it (this is {VERSION})"
    if isinstance(version, str) and version != VERSION:
        needed = f"Marquee {version:.40} wrote it, this is {VERSION}"
    return f"{needed}: upgrade Marquee, or train again with this version"


def _read_params(values: dict[str, Any], kind: type[Params], where: str) -> Params:
    """Read the parameters of a model, all of them: defaults are for training."""
    if missing := [name for name in kind.__struct_fields__ if name not in values]:
        raise ConfigError(f"{where}: {missing[0]} is missing")
    return convert(values, kind, where)


def _check_scale(scale: Catalogue, ranking: RankingParams, path: Path) -> None:
    lowest = scale.rating_min
    if scale.feedback != IMPLICIT:
        lowest = max(lowest, ranking.neutral)
    if not lowest < scale.rating_max:
        raise ReleaseError(
            f"{path}: rating_max ({scale.rating_max:g}) must be above rating_min"
            f" ({scale.rating_min:g}) and neutral ({ranking.neutral:g}); train again"
        )


def _verify_file(folder: Path, name: str, expected: FileDigest) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ReleaseError(
            f"{folder / MANIFEST}: names a file outside the release, {name!r};"
            " publish the release again"
        )
    if not path.is_file():
        raise ReleaseError(f"{path}: missing; publish the release again")
    if path.stat().st_size != expected.size:
        raise ReleaseError(
            f"{path}: {path.stat().st_size} bytes, not {expected.size}; publish the release again"
        )
    if file_digest(path)["sha256"] != expected.sha256:
        raise ReleaseError(f"{path}: damaged (its sha256 differs); publish the release again")


def _read_arrays(folder: Path, kind: type[Arrays]) -> Arrays:
    return kind(**{spec.name: _map_array(folder, spec.name) for spec in fields(kind)})


def _map_array(folder: Path, name: str) -> Any:
    path = folder / f"{name}.npy"
    try:
        return np.lib.format.open_memmap(path, mode="r")  # never unpickles
    except NOT_AN_ARRAY as error:
        raise ReleaseError(f"{path}: not an array ({error}); publish it again") from error


def _read_item_prior(folder: Path, words: list[str] | None) -> dict[str, Any]:
    if words is None:
        return {}
    prior = ItemPrior(tuple(words), _map_array(folder, ITEM_PRIOR))
    return {"item_prior": prior, "user_gram": _map_array(folder, USER_GRAM)}


def _read_keys(folder: Path) -> CatalogueKeys:
    arrays = {name: _map_array(folder, name) for side in SIDES for name in key_files(side)}
    for side in SIDES:
        names = key_files(side)
        check_keys(folder, names, *(arrays[name] for name in names))
    return keys_of(arrays)
