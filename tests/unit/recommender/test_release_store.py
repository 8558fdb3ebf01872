"""The release store: publishes completely or not at all, promotes only verified releases."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recommender.catalogue import CatalogueItem
from recommender.errors import ConfigError, NoRelease, ReleaseError
from recommender.storage.atomic_files import lock
from recommender.storage.release_store import Current, ReleaseStore
from recommender.storage.s3_release_store import open_store
from tests.support.releases import ITEMS, no_parity_sample, tiny_release

OLD, NEW, NEWEST = "20260101-000000-aaaa", "20260102-000000-bbbb", "20260103-000000-cccc"
UNSAFE = ["", ".", "..", "../x", "a/b", ".hidden", "a b", "a\n", "a\0b", "ä", "a" * 65]


@pytest.fixture
def two(store: ReleaseStore) -> ReleaseStore:
    """A store with two releases, neither promoted."""
    publish(store, NEW)
    publish(store, OLD)
    return store


def publish(store: ReleaseStore, version: str) -> None:
    store.publish(tiny_release(version), ITEMS, no_parity_sample())


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder with its contents."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def damage(store: ReleaseStore, version: str) -> None:
    (store.folder / version / "item_bias.npy").unlink()


def test_published_release_is_listed_and_readable_but_not_current(store: ReleaseStore):
    release = store.publish(tiny_release(OLD), ITEMS, no_parity_sample())
    assert release.folder == store.folder / OLD
    assert list(release.items()) == ITEMS
    assert store.versions() == [OLD]
    assert store.read(OLD).version == OLD
    with pytest.raises(NoRelease):
        store.current()


def test_report_is_published_and_verified_with_the_release(store: ReleaseStore):
    report = {"report.json": b"{}", "index.html": b"<!doctype html>"}
    release = store.publish(tiny_release(OLD), ITEMS, no_parity_sample(), report)
    assert release.folder
    assert contents(release.folder / "report") == report
    (release.folder / "report" / "index.html").write_bytes(b"<!doctype htm!>")
    with pytest.raises(ReleaseError, match=r"report/index.html: damaged"):
        store.read(OLD)


def test_versions_are_sorted_oldest_first(two: ReleaseStore):
    assert two.versions() == [OLD, NEW]


def test_versions_exclude_unfinished_and_hidden_folders(two: ReleaseStore):
    (two.folder / NEW).rename(two.folder / f".{NEW}.unfinished")
    (two.folder / "notes").mkdir()
    (two.folder / "release.json").write_text("{}")
    assert two.versions() == [OLD]


def test_empty_store_has_no_versions_and_no_current_release(store: ReleaseStore):
    assert store.versions() == []
    for asked in (store.current, store.rollback):
        with pytest.raises(NoRelease, match=f"{store.folder}: no release .*`make train`"):
            asked()


def test_promote_sets_the_current_and_the_previous_release(two: ReleaseStore):
    assert two.promote(OLD).previous is None
    promoted = two.promote(NEW)
    assert (promoted.version, promoted.previous) == (NEW, OLD)
    assert two.current() == promoted == ReleaseStore(two.folder).current()
    assert datetime.fromisoformat(promoted.promoted_at).utcoffset() == timedelta(0)


def test_promote_of_the_current_release_keeps_the_previous_one(two: ReleaseStore):
    two.promote(OLD)
    before = two.promote(NEW)
    assert two.promote(NEW) == two.current() == before


def test_rollback_switches_between_current_and_previous(two: ReleaseStore):
    two.promote(OLD)
    two.promote(NEW)
    assert (two.rollback().version, two.current().previous) == (OLD, NEW)
    assert (two.rollback().version, two.current().previous) == (NEW, OLD)


def test_rollback_is_rejected_when_there_is_no_previous_release(two: ReleaseStore):
    first = two.promote(OLD)
    with pytest.raises(ReleaseError, match=f"no release was served before {OLD}"):
        two.rollback()
    assert two.current() == first


CHANGES: dict[str, Callable[[ReleaseStore], Current]] = {
    "promote": lambda store: store.promote(OLD),
    "rollback": ReleaseStore.rollback,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_promote_rejects_a_damaged_release(
    two: ReleaseStore, change: Callable[[ReleaseStore], Current]
):
    two.promote(OLD)
    two.promote(NEW)
    damage(two, OLD)
    before = contents(two.folder)
    with pytest.raises(ReleaseError, match=r"item_bias\.npy: missing"):
        change(two)
    assert contents(two.folder) == before


def test_read_rejects_a_release_stored_under_another_version(two: ReleaseStore):
    (two.folder / NEW).rename(two.folder / NEWEST)
    with pytest.raises(ReleaseError, match=f"{NEWEST}/release.json: says it is version {NEW}"):
        two.read(NEWEST)


def test_promote_rejects_a_missing_version(two: ReleaseStore):
    with pytest.raises(ReleaseError, match=f"{NEWEST}: no such release; `flask releases list`"):
        two.promote(NEWEST)


@pytest.mark.parametrize("version", UNSAFE, ids=ascii)
def test_read_and_promote_reject_an_invalid_version_name(two: ReleaseStore, version: str):
    for refuses in (two.read, two.promote):
        with pytest.raises(ReleaseError, match="is not a version; `flask releases list`"):
            refuses(version)


@pytest.mark.parametrize("version", UNSAFE, ids=ascii)
def test_publish_rejects_an_invalid_version_name(store: ReleaseStore, tmp_path: Path, version: str):
    with pytest.raises(ReleaseError, match="is not a version"):
        publish(store, version)
    assert contents(tmp_path) == {}


def test_publish_rejects_an_existing_version(two: ReleaseStore):
    before = contents(two.folder)
    with pytest.raises(ReleaseError, match=f"{OLD}: exists; releases are immutable"):
        publish(two, OLD)
    assert contents(two.folder) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failed_publish_leaves_no_files(store: ReleaseStore, error: type[BaseException]):
    def items() -> Iterator[CatalogueItem]:
        yield ITEMS[0]
        raise error

    with pytest.raises(error):
        store.publish(tiny_release(OLD), items(), no_parity_sample())
    assert list(store.folder.iterdir()) == []
    publish(store, OLD)
    assert store.read(OLD).version == OLD


@pytest.mark.faults
def test_publish_removes_files_of_killed_publishers(store: ReleaseStore):
    for version in (OLD, NEW):
        left = store.folder / f".{version}.unfinished"
        left.mkdir(parents=True)
        (left / "junk.npy").touch()
    (store.folder / ".current.json.1.unfinished").write_text("{")
    publish(store, OLD)
    store.promote(OLD)
    assert {path.name for path in store.folder.iterdir()} == {OLD, "current.json"}
    assert not (store.folder / OLD / "junk.npy").exists()


def test_publish_keeps_files_that_another_process_has_locked(store: ReleaseStore):
    theirs = store.folder / f".{NEW}.unfinished"
    (theirs / NEW).mkdir(parents=True)
    handle = lock(theirs)
    publish(store, OLD)
    assert theirs.is_dir()
    os.close(handle)
    publish(store, NEWEST)
    assert not theirs.exists()


def test_publish_keeps_empty_files_that_may_be_locked_next(store: ReleaseStore):
    theirs = store.folder / f".{NEW}.unfinished"
    theirs.mkdir(parents=True)
    pointer = store.folder / ".current.json.1.unfinished"
    pointer.touch()
    publish(store, OLD)
    store.promote(OLD)
    assert theirs.is_dir()
    assert pointer.is_file()


@pytest.mark.faults
@pytest.mark.parametrize("change", ["publish", "promote"])
def test_full_disk_is_reported_and_changes_nothing(
    two: ReleaseStore, monkeypatch: pytest.MonkeyPatch, change: str
):
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    two.promote(OLD)
    before = contents(two.folder)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(ReleaseError, match=f"{two.folder}.*No space left on device"):
        publish(two, NEWEST) if change == "publish" else two.promote(NEW)
    assert contents(two.folder) == before


POINTERS: dict[str, object] = {
    "null": None,
    "a_list": [OLD],
    "no_version": {"promoted_at": "now", "previous": None},
    "no_previous": {"version": OLD, "promoted_at": "now"},
    "an_unknown_key": {"version": OLD, "promoted_at": "now", "previous": None, "by": "ann"},
    "version_null": {"version": None, "promoted_at": "now", "previous": None},
    "version_a_number": {"version": 5, "promoted_at": "now", "previous": None},
    "previous_a_number": {"version": OLD, "promoted_at": "now", "previous": 5},
    "previous_zero": {"version": OLD, "promoted_at": "now", "previous": 0},
    "promoted_at_null": {"version": OLD, "promoted_at": None, "previous": None},
}
TEXTS = {
    "empty": b"",
    "not_json": b"{",
    "not_utf_8": b'"\xe9"',
    "endless": b"[" * 100_000,
    **{name: json.dumps(pointer).encode() for name, pointer in POINTERS.items()},
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_damaged_pointer_is_named_and_replaced_by_promote(two: ReleaseStore, text: bytes):
    (two.folder / "current.json").write_bytes(text)
    with pytest.raises(ReleaseError, match=r"current\.json: .*`flask releases promote") as refusal:
        two.current()
    assert not isinstance(refusal.value, NoRelease)
    assert two.promote(NEW) == two.current()
    assert two.current().previous is None


@pytest.mark.parametrize("location", ["file:///releases", "https://a.b/c"])
def test_open_store_rejects_a_location_that_is_no_folder(location: str):
    with pytest.raises(ConfigError, match=f"RELEASES={location}: must be a folder; give its path"):
        open_store(location)


def test_store_rejects_an_empty_location():
    with pytest.raises(ConfigError, match="RELEASES"):
        ReleaseStore("")


def test_store_rejects_a_file_as_location(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"RELEASES=.*must be a folder"):
        ReleaseStore(tmp_path / "file")


def test_check_writable_rejects_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written, because of .*file"):
        ReleaseStore(tmp_path / "file" / "below").check_writable()
    ReleaseStore(tmp_path / "new" / "folder").check_writable()
    assert not (tmp_path / "new").exists()
