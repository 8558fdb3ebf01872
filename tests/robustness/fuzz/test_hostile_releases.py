"""A damaged or hostile release is read as written or rejected; nothing in it is executed."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from msgspec.structs import asdict

from recommender.errors import ConfigError, ReleaseError
from recommender.model import Model
from recommender.storage.release import ItemArrays, ParitySample, Release
from recommender.storage.release_reader import read_release
from recommender.storage.release_store import CURRENT, Current, ReleaseStore
from tests.support.fuzzing import DEEP, HOSTILE, any_json, damaged, fuzz
from tests.support.releases import ITEMS, SAMPLE, TINY, signed

# Warnings of numpy about some broken headers.
pytestmark = pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required")
NAMES = [*(f"{f.name}.npy" for f in fields(ItemArrays)), "items.jsonl.gz", "parity.npz"]
ARRAYS = [name for name in NAMES if name.endswith(".npy")]


class Trap:
    """Records that it was unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Callable[..., None], tuple[()]]:
        return spring, ()


def spring() -> None:
    Trap.sprung = True


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = ReleaseStore(tmp_path_factory.mktemp("good"))
    folder = store.publish(TINY, ITEMS, SAMPLE).folder
    assert folder
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "release"


@contextlib.contextmanager
def copied(good: Path, work: Path) -> Iterator[Path]:
    """Yield a copy of the good release; only changed files are copied again."""
    for file in sorted(good.iterdir()):
        other = work / file.name
        if not (other.is_file() and other.read_bytes() == file.read_bytes()):
            work.mkdir(exist_ok=True)
            shutil.copyfile(file, other)
    yield work


def contents(release: Release) -> dict[str, Any]:
    """Return everything that serving uses of a release."""
    sample = release.parity_sample()
    return {
        **{f.name: getattr(release, f.name) for f in fields(release) if f.name != "folder"},
        "arrays": {f.name: getattr(release.arrays, f.name).tolist() for f in fields(ItemArrays)},
        "sample": {f.name: getattr(sample, f.name).tolist() for f in fields(ParitySample)},
        "users": list(sample.users()),
        "items": list(release.items()),
    }


def refused_or_read(folder: Path) -> dict[str, Any] | None:
    """Return the contents of the release, or None if it is rejected with a ReleaseError."""
    try:
        release = read_release(folder)
        Model(release)
        return contents(release)
    except (ReleaseError, ConfigError):
        return None


@fuzz("releases", 30, 400, data=st.data(), name=st.sampled_from(NAMES))
def test_damaged_release_file_is_rejected(
    good: Path, work: Path, data: st.DataObject, name: str
) -> None:
    with copied(good, work) as folder:
        before = (folder / name).read_bytes()
        after = data.draw(damaged(st.just(before)))
        (folder / name).write_bytes(after)
        assert refused_or_read(folder) == (
            contents(read_release(good)) if after == before else None
        )


@fuzz("releases", 30, 600, data=st.data(), name=st.sampled_from(NAMES))
def test_damaged_release_file_with_valid_digest_is_read_or_rejected(
    good: Path, work: Path, data: st.DataObject, name: str
) -> None:
    with copied(good, work) as folder:
        signed(folder, name, data.draw(damaged(st.just((folder / name).read_bytes()))))
        refused_or_read(folder)


@fuzz("releases", 8, 60, first=st.sampled_from(NAMES), second=st.sampled_from(NAMES))
def test_swapped_release_files_are_rejected(
    good: Path, work: Path, first: str, second: str
) -> None:
    with copied(good, work) as folder:
        (folder / first).write_bytes((good / second).read_bytes())
        same = (good / first).read_bytes() == (good / second).read_bytes()
        assert (refused_or_read(folder) is None) is not same
        signed(folder, first, (good / second).read_bytes())
        refused_or_read(folder)


def saved(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


arrays = st.builds(
    lambda shape, dtype, fill: np.full(shape, fill).astype(dtype),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
    st.sampled_from(["f4", "f8", ">f4", "i8", "i4", "u1", "?", "c8", "U3", "S3", "M8[s]"]),
    st.sampled_from([0, 1, 5]),
) | st.sampled_from([np.nan, np.inf, -np.inf, 3e38]).map(lambda x: np.full((8, 2), x, np.float32))


@fuzz("releases", 30, 400, name=st.sampled_from(ARRAYS), array=arrays)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_array_is_rejected_when_shape_or_type_is_wrong(
    good: Path, work: Path, name: str, array: np.ndarray
) -> None:
    with copied(good, work) as folder:
        signed(folder, name, saved(array))
        expected = np.load(good / name)
        read = refused_or_read(folder)
        alike = array.shape == expected.shape and array.dtype == expected.dtype
        assert read is None or alike


def test_arrays_are_never_unpickled(good: Path, work: Path) -> None:
    trapped = np.full(8, Trap(), object)
    packed = io.BytesIO()
    np.savez(packed, **{f.name: trapped for f in fields(ParitySample)})
    for name, content in [
        *((name, saved(trapped)) for name in ARRAYS),
        *((name, pickle.dumps(Trap())) for name in NAMES),
        ("parity.npz", packed.getvalue()),
    ]:
        with copied(good, work) as folder:
            signed(folder, name, content)
            assert refused_or_read(folder) is None, name
    assert not Trap.sprung


@st.composite
def changed(draw: st.DrawFn, manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with one value replaced, removed, or added."""
    whole = copy.deepcopy(manifest)
    inside: Any = whole
    while True:
        name = draw(st.sampled_from(sorted(inside)))
        if not (isinstance(inside[name], dict) and inside[name] and draw(st.booleans())):
            break
        inside = inside[name]
    match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
        case "replace":
            inside[name] = draw(any_json)
        case "remove":
            del inside[name]
        case "add":
            inside[draw(st.sampled_from(PATHS) | st.text(max_size=9))] = inside[name]
    return whole


PATHS = ["../good", "/etc/passwd", "a/../../x", "\0", "x" * 5000, "report/../..", *HOSTILE[:20]]


@fuzz("releases", 40, 700, data=st.data())
def test_hostile_manifest_is_rejected_or_has_valid_types(
    good: Path, work: Path, data: st.DataObject
) -> None:
    manifest = json.loads((good / "release.json").read_text())
    with copied(good, work) as folder:
        (folder / "release.json").write_text(json.dumps(data.draw(changed(manifest))))
        read = refused_or_read(folder)
        if read is not None:
            before = contents(read_release(good))
            for name, value in read.items():
                assert type(value) is type(before[name]) or name == "mean_rating", name
            for name, value in asdict(before["catalogue"]).items():
                found = getattr(read["catalogue"], name)
                same = (int, float) if isinstance(value, float) else type(value)
                assert isinstance(found, same), name


@fuzz(
    "releases", 15, 150, content=damaged(st.just((json.dumps(["{}"]) * 9).encode())) | st.binary()
)
def test_invalid_manifest_is_rejected(good: Path, work: Path, content: bytes) -> None:
    with copied(good, work) as folder:
        (folder / "release.json").write_bytes(content)
        assert refused_or_read(folder) is None


@pytest.mark.parametrize("content", [DEEP, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_deeply_nested_manifest_is_rejected(good: Path, work: Path, content: bytes) -> None:
    with copied(good, work) as folder:
        (folder / "release.json").write_bytes(content)
        assert refused_or_read(folder) is None


values = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("item_id", "title", "year", "genres", "imdb_id", "more"), any_json)
    | {"tmdb_id": any_json, "description": any_json},
)


@fuzz("releases", 30, 400, given=values | any_json)
def test_hostile_catalogue_entry_is_rejected_or_has_valid_types(
    good: Path, work: Path, given: Any
) -> None:
    import gzip

    if isinstance(given, dict):
        given = {"item_id": 1, "title": "A", "genres": [], **given}
    with copied(good, work) as folder:
        signed(folder, "items.jsonl.gz", gzip.compress(json.dumps(given).encode()))
        read = refused_or_read(folder)
        for item in read["items"] if read else []:
            assert type(item.item_id) is int
            assert 0 <= item.item_id < 2**31
            assert isinstance(item.title, str)
            assert item.title.encode()
            assert all(isinstance(genre, str) for genre in item.genres)
            assert type(item.year) in (int, type(None))
            assert type(item.tmdb_id) in (int, type(None))
            assert type(item.imdb_id) in (str, type(None))
            assert type(item.description) in (str, type(None))


pointers = (
    any_json.map(json.dumps).map(str.encode)
    | st.binary(max_size=50)
    | st.sampled_from([DEEP[:2000]])
)
pointers |= st.fixed_dictionaries(
    {"version": any_json | st.sampled_from(PATHS), "promoted_at": any_json, "previous": any_json}
).map(lambda it: json.dumps(it).encode())


@fuzz("releases", 30, 300, content=pointers)
def test_hostile_pointer_is_rejected_or_names_a_release_in_the_store(
    good: Path, content: bytes
) -> None:
    store = ReleaseStore(good.parent)
    (good.parent / CURRENT).write_bytes(content)
    try:
        current = store.current()
        assert isinstance(current, Current)
        for version in (current.version, current.previous):
            if version is not None:
                folder = store.read(version).folder
                assert folder == good
    except ReleaseError:
        pass
