"""A release: what training hands to serving, as a folder of arrays and one manifest.

``release.json`` names every other file with its size and sha256; a reader checks them before it
believes anything. Arrays load without pickle and memory-mapped, so worker processes share one copy.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import mmap
import os
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import LARGEST_ID, Catalogue, CatalogueItem, read_items, write_items
from recommender.errors import ConfigError, ReleaseError
from recommender.feedback import IMPLICIT, KINDS
from recommender.params import RankingParams, RatingParams
from recommender.typed import check_types

FORMAT_VERSION = 1
MANIFEST = "release.json"
ITEMS = "items.jsonl.gz"
PARITY = "parity.npz"
REPORT = "report"
# What numpy, and the zip reader below it, say of bytes that are no array.
_NO_ARRAY = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, MemoryError),
    *(tokenize.TokenError, SyntaxError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError),
)


@dataclass(frozen=True)
class ItemArrays:
    """What is known of each item, one row an item, ``item_ids`` ascending.

    ``ranking_factors`` (items, rank) and ``rating_factors`` (items, width) float32: the first
    ``rank`` of its columns were learned from stars, the others say what else is known of a title;
    ``item_bias`` and ``item_means`` (stars) float32; ``item_counts`` int64.
    """

    item_ids: NDArray[np.int64]
    ranking_factors: NDArray[np.float32]
    rating_factors: NDArray[np.float32]
    item_bias: NDArray[np.float32]
    item_counts: NDArray[np.int64]
    item_means: NDArray[np.float32]


@dataclass(frozen=True)
class ParitySample:
    """Trained users with their ratings, to check that folding them in returns what training found.

    User ``k`` rated ``item_ids[starts[k]:starts[k + 1]]``; ``ranking_vectors`` and
    ``rating_vectors`` have one row a user.
    """

    user_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    item_ids: NDArray[np.int64]
    ratings: NDArray[np.float32]
    ranking_vectors: NDArray[np.float32]
    rating_vectors: NDArray[np.float32]

    def fits(self, ranking_width: int, rating_width: int) -> bool:
        """Whether the arrays are of one number of users and of ratings, and of these widths."""
        users = len(self.user_ids)
        return (
            self.starts.shape == (users + 1,)
            and self.ranking_vectors.shape == (users, ranking_width)
            and self.rating_vectors.shape == (users, rating_width)
            and self.item_ids.shape == self.ratings.shape == (self.starts[-1],)
            and self.starts[0] == 0
            and bool(np.all(np.diff(self.starts) >= 0))
        )

    def users(self) -> Iterator[tuple[int, dict[int, float]]]:
        """(row in the vectors, ratings by item id) of each user."""
        for row, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            ids, ratings = self.item_ids[start:end], self.ratings[start:end]
            yield row, dict(zip(ids.tolist(), ratings.tolist(), strict=True))


@dataclass(frozen=True)
class Release:
    """A release as read: parameters and catalogue facts in memory, arrays memory-mapped.

    ``rating``: None where nobody gives stars, and then the rating model's arrays hold nothing.
    ``mean_rating``: of all ratings, in stars or hours.
    """

    version: str
    created_at: str
    catalogue: Catalogue
    ranking: RankingParams
    rating: RatingParams | None
    mean_rating: float
    arrays: ItemArrays
    inputs: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None

    def items(self) -> Iterator[CatalogueItem]:
        """The whole catalogue, rated or not, in ascending order of id."""
        return read_items(self._path(ITEMS))

    def parity_sample(self) -> ParitySample:
        """Raises ReleaseError where the file cannot be read."""
        path = self._path(PARITY)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                sample = ParitySample(**{f.name: arrays[f.name] for f in fields(ParitySample)})
            fits = sample.fits(self.ranking.rank, self.arrays.rating_factors.shape[1])
        except _NO_ARRAY as error:
            raise ReleaseError(f"{path}: cannot be read ({error}); publish it again") from error
        if not fits:
            raise ReleaseError(f"{path}: its arrays do not fit together; publish it again")
        return sample

    def _path(self, name: str) -> Path:
        if self.folder is None:
            raise ReleaseError(f"release {self.version} has not been written to a folder yet")
        return self.folder / name


def write_release(
    folder: Path,
    release: Release,
    items: Iterable[CatalogueItem],
    parity: ParitySample,
    report: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write ``release`` as a new ``folder``, the manifest last, everything flushed to disk.

    ``report``: files of its ``report/`` folder, by name.
    """
    folder.mkdir(parents=True)
    for name, content in report.items():
        (folder / REPORT).mkdir(exist_ok=True)
        (folder / REPORT / name).write_bytes(content)
    for name, array in _fields(release.arrays).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    write_items(folder / ITEMS, items)
    np.savez_compressed(folder / PARITY, allow_pickle=False, **_fields(parity))
    manifest = {
        "format_version": FORMAT_VERSION,
        "version": release.version,
        "created_at": release.created_at,
        "catalogue": asdict(release.catalogue),
        "ranking": asdict(release.ranking),
        "rating": {
            **(asdict(release.rating) if release.rating else {}),
            "mean_rating": release.mean_rating,
        },
        "inputs": release.inputs,
        "metrics": release.metrics,
        "seconds": release.seconds,
        "files": {p.relative_to(folder).as_posix(): _digest(p) for p in _files(folder)},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for path in _files(folder):
        with path.open("rb") as written:
            os.fsync(written.fileno())


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
    """Raises TypeError or ValueError where the manifest says what no release says."""
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


def _fields(record: Any) -> dict[str, NDArray[Any]]:
    return {f.name: getattr(record, f.name) for f in fields(record)}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return {"sha256": sha256, "size": path.stat().st_size}


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
    if _digest(path)["sha256"] != expected["sha256"]:
        raise ReleaseError(f"{path}: damaged (its sha256 differs); publish the release again")


def _read_arrays(folder: Path) -> ItemArrays:
    arrays = {}
    for spec in fields(ItemArrays):
        path = folder / f"{spec.name}.npy"
        try:
            arrays[spec.name] = np.lib.format.open_memmap(path, mode="r")  # never unpickles
        except _NO_ARRAY as error:
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
    for name, array in _fields(release.arrays).items():
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
