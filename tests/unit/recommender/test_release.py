"""A release on disk: read back as written, or rejected with the name of the bad file."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from recommender.errors import ReleaseError
from recommender.params import RankingParams, RatingParams
from recommender.storage.release import ItemArrays, ParitySample, Release
from recommender.storage.release_reader import read_release
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import (
    ITEMS,
    SAMPLE,
    TINY,
    change,
    signed,
)

ARRAYS = [f"{field.name}.npy" for field in fields(ItemArrays)]
WRITTEN = [
    *("format_version", "version", "created_at", "neighbourhood"),
    *("inputs", "metrics", "seconds"),
    *("files", "files/parity.npz", "files/items.jsonl.gz", *(f"files/{name}" for name in ARRAYS)),
    *("catalogue", "catalogue/name", "catalogue/rating_max", "catalogue/max_user_id"),
    *("ranking", *(f"ranking/{field.name}" for field in structs.fields(RankingParams))),
    *(
        "rating",
        "rating/mean_rating",
        *(f"rating/{field.name}" for field in structs.fields(RatingParams)),
    ),
]
NO_FILE = {"size": 0, "sha256": ""}
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def release(store: ReleaseStore) -> Release:
    return store.publish(TINY, ITEMS, SAMPLE)


@pytest.fixture
def folder(release: Release) -> Path:
    assert release.folder
    return release.folder


def test_read_release_returns_the_written_release(folder: Path):
    found = read_release(folder)
    arrays = {name: getattr(TINY, name) for name in ("arrays", "item_prior", "user_gram")}
    assert replace(found, **arrays, folder=None) == TINY
    assert found.item_prior.words == TINY.item_prior.words
    np.testing.assert_array_equal(found.item_prior.table, TINY.item_prior.table)
    np.testing.assert_array_equal(found.user_gram, TINY.user_gram)
    for field in fields(ItemArrays):
        written, read = getattr(TINY.arrays, field.name), getattr(found.arrays, field.name)
        assert read.dtype == written.dtype
        np.testing.assert_array_equal(read, written)


def test_read_release_returns_catalogue_and_parity_sample(folder: Path):
    found = read_release(folder)
    assert list(found.items()) == ITEMS
    for field in fields(ParitySample):
        np.testing.assert_array_equal(
            getattr(found.parity_sample(), field.name), getattr(SAMPLE, field.name)
        )
    assert list(found.parity_sample().users()) == [(0, {1: 5.0, 8: 0.5})]


def test_manifest_has_size_and_sha256_of_every_other_file(folder: Path):
    manifest = json.loads((folder / "release.json").read_text())
    assert manifest["format_version"] == 2
    assert manifest["files"] == {
        path.name: {
            "size": len(path.read_bytes()),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in folder.iterdir()
        if path.name != "release.json"
    }


def test_arrays_are_memory_mapped_and_read_only(folder: Path):
    arrays = read_release(folder).arrays
    for field in fields(arrays):
        array = getattr(arrays, field.name)
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_publish_is_deterministic(
    folder: Path, store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    again = store.publish(replace(TINY, version="later"), ITEMS, SAMPLE).folder
    assert again
    for path in folder.iterdir():
        if path.name != "release.json":
            assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_manifest_is_utf_8_in_any_locale(tmp_path: Path):
    publish = (
        "import sys; from tests.support.releases import *;"
        "ReleaseStore(sys.argv[1]).publish("
        "tiny_release('v', inputs=[{'path': 'donn\\xe9es'}]), ITEMS, no_parity_sample())"
    )
    subprocess.run(
        [sys.executable, "-c", publish, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        check=True,
    )
    assert read_release(tmp_path / "v").inputs == [{"path": "données"}]


def packed(save: Callable[..., None], array: np.ndarray) -> bytes:
    content = io.BytesIO()
    save(content, array)
    return content.getvalue()


def refusal(folder: Path, file: str) -> str:
    """Return the error of the rejected release: it names the file and says what to do."""
    with pytest.raises(ReleaseError) as error:
        read_release(folder)
    message = str(error.value)
    assert message.startswith(str(folder / file))
    assert "again" in message or "train one" in message
    return message


@pytest.mark.parametrize("name", [*ARRAYS, "items.jsonl.gz", "parity.npz"])
def test_read_release_rejects_a_missing_short_or_changed_file(folder: Path, name: str):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "sha256" in refusal(folder, name)
    (folder / name).write_bytes(content[:20])
    assert f"20 bytes, not {len(content)}" in refusal(folder, name)
    (folder / name).unlink()
    assert "missing" in refusal(folder, name)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"1", b'"text"', b'{"\xe9": 1}'])
def test_read_release_rejects_a_manifest_that_is_no_json_object(folder: Path, content: bytes):
    (folder / "release.json").write_bytes(content)
    assert "not a manifest" in refusal(folder, "release.json")


def test_read_release_rejects_a_folder_without_manifest(folder: Path):
    (folder / "release.json").unlink()
    assert "missing" in refusal(folder, "release.json")


@pytest.mark.parametrize("key", WRITTEN)
def test_read_release_rejects_a_manifest_without_a_required_key(folder: Path, key: str):
    manifest = json.loads((folder / "release.json").read_text())
    *section, name = key.split("/")
    del (manifest[section[0]] if section else manifest)[name]
    (folder / "release.json").write_text(json.dumps(manifest))
    assert name in refusal(folder, "release.json")


MANIFESTS: dict[str, tuple[str, str, object, str]] = {
    "newer_format": (
        "",
        "format_version",
        4,
        "format 4, and this version of Marquee reads 1 to 3; Marquee 0.9 wrote it",
    ),
    "digest_without_text": (
        "files",
        "items.jsonl.gz",
        {"size": 1, "sha256": None},
        "files must be `name: value` lines, each value `name: value` lines",
    ),
    "files_in_a_list": (
        "",
        "files",
        [*ARRAYS, "items.jsonl.gz", "parity.npz"],
        "files must be `name: value` lines",
    ),
    "unknown_fact": ("catalogue", "beta", 1, "'beta'"),
    "unknown_parameter": ("ranking", "beta", 1, "unknown parameter 'beta'"),
    "parameter_out_of_range": ("rating", "rank", 0, "rank must be a whole number of at least 1"),
    "file_above_the_folder": ("files", "../passwd", NO_FILE, "outside the release, '../passwd'"),
    "file_anywhere": ("files", "/etc/hostname", NO_FILE, "outside the release, '/etc/hostname'"),
    "file_name_with_a_zero_byte": ("files", "a\0b", NO_FILE, r"'a\x00b'"),
    "file_name_without_end": ("files", "a" * 300, NO_FILE, "aaa"),
    "file_without_sha256": ("files", "item_ids.npy", {"size": 192}, "sha256"),
    "mean_in_words": ("rating", "mean_rating", "good", "mean_rating"),
    "mean_nan": ("rating", "mean_rating", np.nan, "mean_rating"),
    "best_rating_in_words": ("catalogue", "rating_max", "5", "rating_max"),
    "scale_upside_down": ("catalogue", "rating_min", 6.0, "rating_min"),
    "neutral_is_the_best_rating": ("ranking", "neutral", 5.0, "neutral"),
}


@pytest.mark.parametrize(("section", "key", "value", "reason"), MANIFESTS.values(), ids=MANIFESTS)
def test_read_release_rejects_an_invalid_manifest_value(
    folder: Path, section: str, key: str, value: object, reason: str
):
    change(folder, "", {"written_by": "0.9"})
    change(folder, section, {key: value})
    assert reason in refusal(folder, "release.json")


BAD_ARRAYS: dict[str, tuple[str, np.ndarray, str]] = {
    "wrong_dtype": ("item_bias", np.zeros(8), "float64 of shape (8,), not float32 of (8,)"),
    "other_byte_order": ("item_bias", np.zeros(8, ">f4"), "not float32 of (8,)"),
    "too_few_rows": ("item_means", np.zeros(7, np.float32), "not float32 of (8,)"),
    "too_few_factors": ("rating_factors", np.zeros((8, 1), np.float32), "not float32 of (8, 2)"),
    "ids_in_a_table": ("item_ids", np.zeros((8, 2), np.int64), "of shape (8, 2)"),
    "ids_in_no_list": ("item_ids", np.array(8), "of shape ()"),
    "ids_falling": ("item_ids", TINY.arrays.item_ids[::-1], "ascending"),
    "an_id_twice": ("item_ids", np.ones(8, np.int64), "ascending"),
    "negative_counts": ("item_counts", -TINY.arrays.item_counts, "negative"),
    "nan_in_ranking_factors": ("ranking_factors", np.full((8, 2), np.nan, np.float32), "NaN"),
    "infinity_in_rating_factors": ("rating_factors", np.full((8, 2), np.inf, np.float32), "NaN"),
    "nan_in_biases": ("item_bias", np.full(8, np.nan, np.float32), "NaN"),
}


@pytest.mark.parametrize(("name", "array", "reason"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_read_release_rejects_an_invalid_array(
    folder: Path, name: str, array: np.ndarray, reason: str
):
    signed(folder, f"{name}.npy", packed(np.save, array))
    assert reason in refusal(folder, f"{name}.npy")


NO_ARRAYS = {
    "empty": b"",
    "text": b"1, 2, 3",
    "archive": packed(np.savez, np.arange(8)),
    "broken_archive": b"PK\x03\x04",
    "cut_short": packed(np.save, TINY.arrays.item_ids)[:-1],
}


@pytest.mark.parametrize("content", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_read_release_rejects_a_file_that_is_no_array(folder: Path, content: bytes):
    signed(folder, "item_ids.npy", content)
    assert "not an array" in refusal(folder, "item_ids.npy")


@pytest.mark.parametrize("content", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_parity_sample_is_rejected_when_unreadable(folder: Path, content: bytes):
    signed(folder, "parity.npz", content)
    with pytest.raises(ReleaseError, match=r"parity\.npz: cannot be read .* again"):
        read_release(folder).parity_sample()


class Pickled:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_pickled_arrays_are_rejected_and_never_executed(folder: Path, tmp_path: Path):
    pickled = np.array([Pickled(tmp_path / "opened")] * 8)
    signed(folder, "parity.npz", packed(np.savez, pickled))
    with pytest.raises(ReleaseError):
        read_release(folder).parity_sample()
    signed(folder, "item_ids.npy", packed(np.save, pickled))
    assert "not an array" in refusal(folder, "item_ids.npy")
    assert not (tmp_path / "opened").exists()


def test_items_fail_when_the_release_was_never_written():
    with pytest.raises(ReleaseError, match="has not been written"):
        TINY.items()


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_read_release_rejects_a_deeply_nested_manifest(folder: Path, opened: str):
    (folder / "release.json").write_text(opened * 100_000)
    refusal(folder, "release.json")


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("", {"created_at": None}),
        ("", {"created_at": "yesterday"}),
        ("", {"created_at": "2026-01-01T00:00:00"}),
        ("", {"inputs": {}}),
        ("", {"metrics": []}),
        ("", {"seconds": "long"}),
        ("", {"rating": "none"}),
        ("catalogue", {"name": None}),
        ("catalogue", {"noun": ["movie"]}),
        ("catalogue", {"users": "many"}),
        ("catalogue", {"max_user_id": 2**31}),
        ("catalogue", {"max_user_id": -1}),
        ("catalogue", {"simulated": 1}),
        ("catalogue", {"rating_step": 0}),
    ],
)
def test_read_release_rejects_a_manifest_value_of_another_type(
    folder: Path, section: str, values: dict[str, Any]
):
    change(folder, section, values)
    refusal(folder, "release.json")


def test_read_release_rejects_an_array_without_dimensions(folder: Path):
    signed(folder, "item_ids.npy", packed(np.save, np.int64(1)))
    refusal(folder, "item_ids.npy")


@pytest.mark.parametrize(
    "values",
    [
        {"item_id": 2**31},
        {"item_id": True},
        {"item_id": "1"},
        {"title": 5},
        {"title": "half of a pair: \ud800"},
        {"genres": [1]},
        {"genres": ["\ud800"]},
        {"year": "1999"},
        {"year": 10**12},
        {"tmdb_id": 10**12},
        {"imdb_id": 1},
        {"imdb_id": "tt" + "1" * 15},
        {"description": ["long"]},
    ],
)
def test_items_reject_an_entry_that_databases_cannot_store(folder: Path, values: dict[str, Any]):
    entry = {"item_id": 1, "title": "Space Station", "genres": [], **values}
    signed(folder, "items.jsonl.gz", gzip.compress(json.dumps(entry).encode()))
    with pytest.raises(ReleaseError, match="line 1: not a catalogue entry"):
        list(read_release(folder).items())


def test_items_reject_a_repeated_id(folder: Path):
    entry = json.dumps({"item_id": 1, "title": "Space Station", "genres": []}).encode()
    signed(folder, "items.jsonl.gz", gzip.compress(entry + b"\n" + entry))
    with pytest.raises(ReleaseError, match=r"line 2: .* does not follow 1"):
        list(read_release(folder).items())


HEADER = b"{'descr': '<i8', 'fortran_order': False, 'shape': (8,), }"


@pytest.mark.parametrize(
    "header",
    [HEADER[:-20], HEADER[:-1], b"{" + HEADER, b"", b"0" * 5000, HEADER.replace(b"8,", b"1" * 19)],
)
def test_read_release_rejects_a_broken_array_header(folder: Path, header: bytes):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    signed(folder, "item_ids.npy", content)
    refusal(folder, "item_ids.npy")


@pytest.mark.parametrize("method", [0, 1, 9, 12, 14, 99])
def test_parity_sample_is_rejected_when_the_compression_method_is_false(folder: Path, method: int):
    content = (folder / "parity.npz").read_bytes()
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        parts = content.split(mark)
        for number, part in enumerate(parts[1:], start=1):
            at = place - len(mark)
            parts[number] = part[:at] + method.to_bytes(2, "little") + part[at + 2 :]
        content = mark.join(parts)
    signed(folder, "parity.npz", content)
    with pytest.raises(ReleaseError, match=r"parity\.npz: cannot be read .*publish it again"):
        read_release(folder).parity_sample()
