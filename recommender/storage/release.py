"""A release: what training publishes for serving, a folder of arrays and one manifest.

``release.json`` lists every other file with its size and sha256, which are verified before use.
Arrays load without pickle and memory-mapped, so worker processes share one copy.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from recommender import VERSION
from recommender.arrays import Float32Array, Float64Array, Int64Array
from recommender.catalogue import (
    FIRST_KEYED_USER,
    Catalogue,
    CatalogueItem,
    catalogue_fields,
    needs_format_3,
    read_items,
    write_items,
)
from recommender.errors import ReleaseError
from recommender.item_prior import ItemPrior
from recommender.keys import FIRST_KEYED_ITEM, CatalogueKeys, Keys
from recommender.params import NeighbourhoodParams, RankingParams, RatingParams

# Format 1 has no neighbourhood. Format 2 has no keys, and no words and scale of a catalogue's own;
# what needs neither is still written as format 2, which older versions of Marquee read.
FORMAT_VERSION = 3
MANIFEST = "release.json"
# The key of the version of Marquee that wrote a manifest.
WRITTEN_BY = "written_by"
ITEMS = "items.jsonl.gz"
PARITY = "parity.npz"
REPORT = "report"
ITEM_PRIOR, USER_GRAM = "item_prior", "user_gram"
SIDES = ("user", "item")
# Errors of numpy, and of the zip reader below it, for bytes that are not an array.
NOT_AN_ARRAY = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, MemoryError),
    *(tokenize.TokenError, SyntaxError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError),
)


@dataclass(frozen=True)
class ItemArrays:
    """Arrays with one row an item, ``item_ids`` ascending.

    ``ranking_factors`` (items, rank) and ``rating_factors`` (items, width) float32: its first
    ``rank`` columns were learned from stars, the others are ranking factors and features;
    ``item_bias`` and ``item_means`` (stars) float32; ``item_counts`` int64.
    """

    item_ids: Int64Array
    ranking_factors: Float32Array
    rating_factors: Float32Array
    item_bias: Float32Array
    item_counts: Int64Array
    item_means: Float32Array


@dataclass(frozen=True)
class NeighbourArrays:
    """The neighbourhood by source: a rating of item ``i`` adds ``neighbour_weights`` times its
    preference to the scores of the items ``neighbour_rows``, both at
    ``neighbour_starts[i]:neighbour_starts[i + 1]``.

    ``neighbour_starts`` int64, (items + 1,). ``neighbour_rows`` int32, ascending within an item;
    ``neighbour_weights`` float16.
    """

    neighbour_starts: Int64Array
    neighbour_rows: NDArray[np.int32]
    neighbour_weights: NDArray[np.float16]


@dataclass(frozen=True)
class ParitySample:
    """Trained users with their ratings and vectors, for the parity check.

    User ``k`` rated ``item_ids[starts[k]:starts[k + 1]]``; ``ranking_vectors`` and
    ``rating_vectors`` have one row a user. ``neighbour_sums`` (users, probes): what the ratings add
    to the scores of the items ``probe_ids`` by the neighbourhood, whose weight is 1 here; without
    one there are no probes.
    """

    user_ids: Int64Array
    starts: Int64Array
    item_ids: Int64Array
    ratings: Float32Array
    ranking_vectors: Float32Array
    rating_vectors: Float32Array
    probe_ids: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    neighbour_sums: Float32Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    rater_starts: Int64Array = field(default_factory=lambda: np.zeros(1, np.int64))
    rater_vectors: Float32Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    rater_preferences: Float32Array = field(default_factory=lambda: np.empty(0, np.float32))
    item_vectors: Float32Array = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def fits(self, release: Release) -> bool:
        """Whether the arrays agree in users and ratings, and have what the release needs."""
        users = len(self.user_ids)
        ranking_width, rating_width = release.ranking.rank, release.arrays.rating_factors.shape[1]
        return (
            self.starts.shape == (users + 1,)
            and self.ranking_vectors.shape == (users, ranking_width)
            and self.rating_vectors.shape == (users, rating_width)
            and self.item_ids.shape == self.ratings.shape == (self.starts[-1],)
            and self.starts[0] == 0
            and bool(np.all(np.diff(self.starts) >= 0))
            and self.neighbour_sums.size == users * len(self.probe_ids)
            and self._items_fit(ranking_width)
        )

    def _items_fit(self, width: int) -> bool:
        items, ratings = len(self.item_vectors), len(self.rater_preferences)
        return (
            self.rater_starts.shape == (items + 1,)
            and self.rater_starts[0] == 0
            and self.rater_starts[-1] == ratings
            and bool(np.all(np.diff(self.rater_starts) >= 0))
            and (self.item_vectors.shape == (items, width) or not items)
            and (self.rater_vectors.shape == (ratings, width) or not ratings)
        )

    def users(self) -> Iterator[tuple[int, dict[int, float]]]:
        """Yield (row in the vectors, ratings by item id) of each user."""
        for row, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            ids, ratings = self.item_ids[start:end], self.ratings[start:end]
            yield row, dict(zip(ids.tolist(), ratings.tolist(), strict=True))


@dataclass(frozen=True)
class Release:
    """A release as read: parameters and catalogue in memory, arrays memory-mapped.

    ``rating``: None in a catalogue without stars, where the rating model's arrays are empty.
    ``neighbourhood``: parameters, and ``neighbours`` arrays, both None without such a part.
    ``mean_rating``: of all ratings, in stars or hours. ``keys``: where ids were made from keys.
    ``item_prior`` and ``user_gram``, XᵀX (rank, rank): what new items are folded in with, None in
    older releases.
    """

    version: str
    created_at: str
    catalogue: Catalogue
    ranking: RankingParams
    rating: RatingParams | None
    mean_rating: float
    arrays: ItemArrays
    neighbourhood: NeighbourhoodParams | None = None
    neighbours: NeighbourArrays | None = None
    keys: CatalogueKeys | None = None
    item_prior: ItemPrior | None = None
    user_gram: Float64Array | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None

    def items(self) -> Iterator[CatalogueItem]:
        """Read the whole catalogue, rated or not, in ascending order of id."""
        return read_items(self._path(ITEMS))

    def parity_sample(self) -> ParitySample:
        """Raises ReleaseError where the file cannot be read."""
        path = self._path(PARITY)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                names = [f.name for f in fields(ParitySample) if f.name in arrays]
                sample = ParitySample(**{name: arrays[name] for name in names})
            fits = sample.fits(self)
        except NOT_AN_ARRAY as error:
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
    beside = array_fields(release.neighbours) if release.neighbours else {}
    beside |= key_arrays(release.keys) if release.keys else {}
    if release.item_prior is not None and release.user_gram is not None:
        beside |= {ITEM_PRIOR: release.item_prior.table, USER_GRAM: release.user_gram}
    for name, array in (array_fields(release.arrays) | beside).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    listed = list(items)
    write_items(folder / ITEMS, listed)
    np.savez_compressed(folder / PARITY, allow_pickle=False, **array_fields(parity))
    manifest = {
        "format_version": 3 if needs_format_3(release.catalogue, listed) else 2,
        WRITTEN_BY: VERSION,
        "version": release.version,
        "created_at": release.created_at,
        "catalogue": catalogue_fields(release.catalogue),
        "ranking": structs.asdict(release.ranking),
        "rating": {
            **(structs.asdict(release.rating) if release.rating else {}),
            "mean_rating": release.mean_rating,
        },
        "neighbourhood": structs.asdict(release.neighbourhood) if release.neighbourhood else None,
        "item_prior": list(release.item_prior.words) if release.item_prior else None,
        "inputs": release.inputs,
        "metrics": release.metrics,
        "seconds": release.seconds,
        "files": {p.relative_to(folder).as_posix(): file_digest(p) for p in _files(folder)},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for path in _files(folder):
        with path.open("rb") as written:
            os.fsync(written.fileno())


def array_fields(record: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of a record, by name."""
    return {f.name: getattr(record, f.name) for f in fields(record)}


def key_arrays(keys: CatalogueKeys) -> dict[str, NDArray[Any]]:
    """Return the arrays of both sides' keys, by name."""
    return {
        name: array
        for side, of_side in zip(SIDES, (keys.users, keys.items), strict=True)
        for name, array in zip(key_files(side), _arrays_of(of_side), strict=True)
    }


def keys_of(arrays: Mapping[str, NDArray[Any]]) -> CatalogueKeys:
    """Return the keys whose arrays these are, by name."""
    users, items = ([arrays[name] for name in key_files(side)] for side in SIDES)
    return CatalogueKeys(Keys(FIRST_KEYED_USER, *users), Keys(FIRST_KEYED_ITEM, *items))


def key_files(side: str) -> tuple[str, str, str]:
    """Return the names of the arrays of one side's keys: text, starts, order."""
    return f"{side}_keys", f"{side}_key_starts", f"{side}_key_order"


def _arrays_of(keys: Keys) -> tuple[NDArray[Any], ...]:
    return keys.text, keys.starts, keys.order


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def file_digest(path: Path) -> dict[str, Any]:
    """Return the sha256 and size of a file, as in the manifest."""
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return {"sha256": sha256, "size": path.stat().st_size}
