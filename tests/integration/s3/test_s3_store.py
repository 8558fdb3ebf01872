"""Releases in S3: the same rules as in a folder, and a cache shared by processes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recommender.errors import ConfigError, NoRelease, ReleaseError, StorageError
from recommender.storage import s3, s3_release_store
from recommender.storage.release_store import Current, ReleaseStore
from recommender.storage.s3_release_store import S3Store, open_store
from tests.support.aws import FaultProxy
from tests.support.releases import ITEMS, publish_tiny
from tests.support.s3_releases import (
    DAMAGES,
    NEW,
    NEWEST,
    OLD,
    fetched,
    get,
    publish,
    put,
)
from tests.support.site import ROOT

pytest_plugins = ["tests.support.fixtures.s3"]


@pytest.fixture
def remote(bucket: str, tmp_path: Path) -> S3Store:
    """An empty store in S3, with an empty cache."""
    return another(f"{bucket}/site/releases", tmp_path / "cache")


@pytest.fixture
def two(remote: S3Store) -> S3Store:
    """A store with two releases, neither promoted."""
    publish(remote, NEW)
    publish(remote, OLD)
    return remote


def another(place: str, cache: Path) -> S3Store:
    """Return the same store as another process opens it."""
    store = open_store(place, str(cache))
    assert isinstance(store, S3Store)
    return store


def cached(store: S3Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_open_store_selects_the_store_by_s3_url_or_folder(tmp_path: Path) -> None:
    assert isinstance(open_store("s3://bucket/releases/", str(tmp_path)), S3Store)
    assert open_store("s3://bucket/releases/", str(tmp_path)).place == "s3://bucket/releases"
    assert type(open_store(tmp_path)) is ReleaseStore
    with pytest.raises(ConfigError, match="is not an S3 URL"):
        open_store("s3:///releases", str(tmp_path))


def test_published_release_is_listed_and_readable_but_not_current(
    remote: S3Store,
) -> None:
    publish(remote, OLD)
    assert remote.versions() == [OLD]
    release = remote.read(OLD)
    assert release.version == OLD
    assert list(release.items()) == ITEMS
    assert release.folder == remote.folder / OLD
    with pytest.raises(NoRelease, match=f"{remote.place}: no release .*`make train`"):
        remote.current()


def test_publish_uploads_the_files_of_a_folder_and_the_manifest_last(
    remote: S3Store, store: ReleaseStore, proxy: FaultProxy
) -> None:
    publish_tiny(store)
    proxy.seen.clear()
    publish_tiny(remote)
    files = [p.relative_to(store.folder).as_posix() for p in store.folder.rglob("*") if p.is_file()]
    assert sorted(s3.listing(remote.place)) == sorted(files)
    puts = [path.split("/releases/")[1] for method, path, _ in proxy.seen if method == "PUT"]
    assert puts[-2:] == [f"{OLD}/release.json", "current.json"]


def test_versions_are_sorted_and_exclude_incomplete_releases(two: S3Store) -> None:
    put(f"{two.place}/{NEWEST}/item_ids.npy", b"")
    put(f"{two.place}/.hidden/release.json", b"")
    put(f"{two.place}/deep/er/release.json", b"")
    assert two.versions() == [OLD, NEW]


def test_publish_rejects_an_existing_version(two: S3Store) -> None:
    before = s3.listing(two.place)
    with pytest.raises(ReleaseError, match=f"{two.place}/{OLD}: exists; releases are immutable"):
        publish(two, OLD)
    assert s3.listing(two.place) == before


@pytest.mark.faults
def test_failed_upload_leaves_no_release_and_no_change_of_pointer(
    two: S3Store, proxy: FaultProxy
) -> None:
    two.promote(OLD)
    proxy.fault = lambda method, path: "error" if path.endswith("items.jsonl.gz") else ""
    with pytest.raises(StorageError, match=r"items\.jsonl\.gz"):
        publish(two, NEWEST)
    assert (two.versions(), two.current().version) == ([OLD, NEW], OLD)


def test_promote_and_rollback_switch_the_current_release(two: S3Store, tmp_path: Path) -> None:
    assert two.promote(OLD).previous is None
    promoted = two.promote(NEW)
    assert (promoted.version, promoted.previous) == (NEW, OLD)
    assert two.current() == promoted == another(two.place, tmp_path / "other").current()
    assert two.promote(NEW) == promoted
    assert (two.rollback().version, two.current().previous) == (OLD, NEW)
    assert (two.rollback().version, two.current().previous) == (NEW, OLD)


def test_rollback_is_rejected_when_there_is_no_previous_release(two: S3Store) -> None:
    two.promote(OLD)
    with pytest.raises(ReleaseError, match=f"{two.place}: no release was served before {OLD}"):
        two.rollback()


CHANGES: dict[str, Callable[[ReleaseStore], Current]] = {
    "promote": lambda store: store.promote(OLD),
    "rollback": ReleaseStore.rollback,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_promote_rejects_a_release_damaged_in_s3_when_the_cache_is_intact(
    two: S3Store, damage: Callable[[S3Store, str], str], change: Callable[[ReleaseStore], Current]
) -> None:
    two.promote(OLD)
    before = two.promote(NEW)
    named = damage(two, OLD)
    with pytest.raises(ReleaseError, match=f"{named}: "):
        change(two)
    assert two.current() == before
    assert two.read(OLD).version == OLD


def test_concurrent_promotions_report_a_conflict_and_keep_the_pointer_valid(
    two: S3Store, tmp_path: Path
) -> None:
    publish(two, NEWEST)
    two.promote(OLD)
    stores = [another(two.place, tmp_path / version) for version in (NEW, NEWEST)]
    together = threading.Barrier(2)
    outcomes: list[object] = []

    def promote(store: S3Store, version: str) -> None:
        write = store._write_current

        def write_together(current: Current) -> None:
            together.wait(20)
            write(current)

        store._write_current = write_together  # type: ignore[method-assign]
        try:
            outcomes.append(store.promote(version))
        except StorageError as error:
            outcomes.append(error)

    pairs = zip(stores, (NEW, NEWEST), strict=True)
    threads = [threading.Thread(target=promote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (output,) = [outcome for outcome in outcomes if isinstance(outcome, StorageError)]
    (promoted,) = [outcome for outcome in outcomes if isinstance(outcome, Current)]
    assert "it changed meanwhile; try again" in str(output)
    assert two.current() == promoted
    assert promoted.previous == OLD


def test_current_does_not_download_an_unchanged_pointer(two: S3Store, proxy: FaultProxy) -> None:
    two.promote(OLD)
    proxy.seen.clear()
    for _ in range(3):
        assert two.current().version == OLD
    assert [status for _, _, status in proxy.seen] == [200, 304, 304]
    two.promote(NEW)
    assert two.current().version == NEW


def test_damaged_pointer_is_reported_each_time_until_a_promotion_replaces_it(two: S3Store) -> None:
    two.promote(OLD)
    put(f"{two.place}/current.json", b"{")
    for _ in range(2):
        with pytest.raises(ReleaseError, match=f"{two.place}/current.json: .*releases promote"):
            two.current()
    assert two.promote(NEW) == two.current()


def test_read_and_promote_reject_a_missing_version(two: S3Store) -> None:
    for refuses in (two.read, two.promote):
        with pytest.raises(ReleaseError, match=f"{two.place}/{NEWEST}: no such release; `flask"):
            refuses(NEWEST)


@pytest.mark.parametrize("version", ["", ".", "..", "../x", "a/b", ".lock", "a\0b"], ids=ascii)
def test_invalid_version_names_are_rejected(two: S3Store, version: str) -> None:
    for refuses in (two.read, two.promote, lambda version: publish(two, version)):
        with pytest.raises(ReleaseError, match="is not a version"):
            refuses(version)


def test_promote_rejects_a_release_stored_under_another_version(two: S3Store) -> None:
    for name in s3.listing(f"{two.place}/{NEW}"):
        put(f"{two.place}/{NEWEST}/{name}", get(f"{two.place}/{NEW}/{name}"))
    with pytest.raises(ReleaseError, match=f"{NEWEST}/release.json: says it is version {NEW}"):
        two.promote(NEWEST)


def test_read_uses_the_cache_without_download(
    two: S3Store, tmp_path: Path, proxy: FaultProxy
) -> None:
    two.read(OLD)
    proxy.seen.clear()
    assert two.read(OLD).version == OLD
    assert another(two.place, tmp_path / "cache").read(OLD).version == OLD
    assert proxy.seen == []


def test_concurrent_processes_download_a_release_once(
    two: S3Store, tmp_path: Path, proxy: FaultProxy
) -> None:
    code = (
        "import sys; from recommender.storage.s3_release_store import open_store;"
        "print(open_store(sys.argv[1], sys.argv[2]).read(sys.argv[3]).version)"
    )
    command = [sys.executable, "-c", code, two.place, str(tmp_path / "cache"), OLD]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in started] == [f"{OLD}\n".encode()] * 3
    assert sorted(fetched(proxy)) == sorted(f"{OLD}/{n}" for n in s3.listing(f"{two.place}/{OLD}"))


def test_cache_keeps_the_current_and_the_previous_release(two: S3Store) -> None:
    publish(two, NEWEST)
    served = []
    for version in (OLD, NEW, NEWEST):
        two.promote(version)
        served.append(two.read(two.current().version))
    (two.folder / f".{OLD}.unfinished").mkdir()
    two.read(NEWEST)
    assert cached(two) == [".lock", OLD, NEW, NEWEST]  # a process may still be loading the old one
    long_ago = time.time() - s3_release_store.LOADING_SECONDS
    for version in (OLD, NEW, NEWEST):
        os.utime(two.folder / version, (long_ago, long_ago))
    two.read(NEWEST)
    assert cached(two) == [".lock", NEW, NEWEST]
    first, last = (served[k].arrays.ranking_factors for k in (0, -1))
    assert np.array_equal(first, last)


@pytest.mark.faults
def test_read_resumes_an_interrupted_download(two: S3Store, proxy: FaultProxy) -> None:
    proxy.fault = lambda method, path: "error" if path.endswith("ranking_factors.npy") else ""
    with pytest.raises(StorageError, match=r"ranking_factors\.npy"):
        two.read(OLD)
    assert cached(two) == [f".{OLD}.unfinished", ".lock"]
    proxy.fault = lambda *_: ""
    proxy.seen.clear()
    assert two.read(OLD).version == OLD
    assert cached(two) == [".lock", OLD]
    assert f"{OLD}/ranking_factors.npy" in fetched(proxy)
    assert f"{OLD}/item_bias.npy" not in fetched(proxy)


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGES)
def test_unverified_release_is_not_cached_and_not_downloaded_again_at_once(
    two: S3Store,
    damage: Callable[[S3Store, str], str],
    proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named, whole = damage(two, OLD), get(f"{two.place}/{NEW}/release.json")
    with pytest.raises(ReleaseError, match=f"{named}: "):
        two.read(OLD)
    assert cached(two) == [".lock"]
    proxy.seen.clear()
    with pytest.raises(ReleaseError, match=f"{named}: "):
        two.read(OLD)
    assert proxy.seen == []
    for name in s3.listing(f"{two.place}/{NEW}"):
        put(f"{two.place}/{OLD}/{name}", get(f"{two.place}/{NEW}/{name}"))
    put(f"{two.place}/{OLD}/release.json", whole.replace(NEW.encode(), OLD.encode()))
    now = s3_release_store.time.monotonic() + s3_release_store.RETRY_SECONDS
    monkeypatch.setattr(s3_release_store.time, "monotonic", lambda: now)
    assert two.read(OLD).version == OLD


@pytest.mark.parametrize("key", ["../../escaped", "../NEW/release.json"])
def test_keys_outside_of_the_cache_folder_are_rejected(
    two: S3Store, tmp_path: Path, key: str
) -> None:
    put(f"{two.place}/{OLD}/{key}", b"x")
    with pytest.raises(StorageError, match="which no file can be called"):
        two.read(OLD)
    assert cached(two) == [".lock"]
    assert list(tmp_path.rglob("escaped")) == []


def test_read_downloads_again_when_cached_files_are_missing(two: S3Store) -> None:
    two.read(OLD)
    (two.folder / OLD / "items.jsonl.gz").unlink()
    (two.folder / OLD / "item_ids.npy").write_bytes(b"")
    assert list(two.read(OLD).items()) == ITEMS


@pytest.mark.faults
def test_read_reports_how_much_disk_space_is_missing(
    two: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StorageError, match=rf"{two.place}/{OLD}: needs .* MB .*; make room"):
        two.read(OLD)
    assert two.versions() == [OLD, NEW]


@pytest.mark.faults
def test_read_leaves_no_partial_release_when_the_disk_fills(
    two: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_space)
        with pytest.raises(
            StorageError, match=rf"{two.place}/{OLD}/.*No space left.*is there room"
        ):
            two.read(OLD)
    assert cached(two) == [".lock"]
    assert two.read(OLD).version == OLD


def test_cache_error_names_release_cache_when_it_is_unusable(two: S3Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"RELEASE_CACHE=.*file: cannot be used .*name a folder"):
        another(two.place, tmp_path / "file").read(OLD)


def test_cache_folders_differ_between_s3_urls(tmp_path: Path) -> None:
    places = ("s3://bucket/a", "s3://bucket/b", "s3://other/a", "s3://bucket/../a")
    folders = [another(place, tmp_path).folder for place in places]
    assert len(set(folders)) == len(places)
    assert {folder.parent for folder in folders} == {tmp_path}


def test_default_cache_folder_is_private_to_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_release_store, "VAR_TMP", tmp_path)
    folder = open_store("s3://bucket/releases").folder.parent
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
    other = os.getuid() + 1
    folder.rename(folder.with_name(f"marquee-{other}"))
    monkeypatch.setattr(s3_release_store.os, "getuid", lambda: other)
    with pytest.raises(ConfigError, match=r"belongs to another user.*; set RELEASE_CACHE"):
        open_store("s3://bucket/releases")


def test_check_writable_fails_when_nothing_can_be_written(
    remote: S3Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    remote.check_writable()
    with pytest.raises(StorageError, match="create the bucket"):
        another("s3://no-such-bucket/releases", tmp_path).check_writable()
    proxy.fault = lambda *_: "error"
    with pytest.raises(StorageError, match="is S3 reachable"):
        remote.check_writable()


def test_missing_bucket_is_an_error_and_not_an_empty_store(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    store = another("s3://no-such-bucket/releases", tmp_path)
    for asks in (store.versions, store.current):
        with pytest.raises(StorageError, match="create the bucket, or correct the address"):
            asks()
