"""Releases in S3: what holds for a folder of them holds there, and the cache serves many."""

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
    """The same store, as another process sees it."""
    store = open_store(place, str(cache))
    assert isinstance(store, S3Store)
    return store


def cached(store: S3Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_a_place_in_s3_is_opened_as_that_and_a_folder_as_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_store("s3://bucket/releases/", str(tmp_path)), S3Store)
    assert open_store("s3://bucket/releases/", str(tmp_path)).place == "s3://bucket/releases"
    assert type(open_store(tmp_path)) is ReleaseStore
    with pytest.raises(ConfigError, match="is not an S3 URL"):
        open_store("s3:///releases", str(tmp_path))


def test_a_published_release_is_listed_and_can_be_read_but_is_not_in_service(
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


def test_the_keys_are_those_of_a_folder_and_the_manifest_goes_up_last(
    remote: S3Store, store: ReleaseStore, proxy: FaultProxy
) -> None:
    publish_tiny(store)
    proxy.seen.clear()
    publish_tiny(remote)
    files = [p.relative_to(store.folder).as_posix() for p in store.folder.rglob("*") if p.is_file()]
    assert sorted(s3.listing(remote.place)) == sorted(files)
    puts = [path.split("/releases/")[1] for method, path, _ in proxy.seen if method == "PUT"]
    assert puts[-2:] == [f"{OLD}/release.json", "current.json"]


def test_versions_are_listed_oldest_first_and_only_whole_ones(two: S3Store) -> None:
    put(f"{two.place}/{NEWEST}/item_ids.npy", b"")
    put(f"{two.place}/.hidden/release.json", b"")
    put(f"{two.place}/deep/er/release.json", b"")
    assert two.versions() == [OLD, NEW]


def test_a_version_is_published_once(two: S3Store) -> None:
    before = s3.listing(two.place)
    with pytest.raises(ReleaseError, match=f"{two.place}/{OLD}: exists; releases are immutable"):
        publish(two, OLD)
    assert s3.listing(two.place) == before


@pytest.mark.faults
def test_an_upload_that_failed_leaves_no_release_and_nothing_in_service(
    two: S3Store, proxy: FaultProxy
) -> None:
    two.promote(OLD)
    proxy.fault = lambda method, path: "error" if path.endswith("items.jsonl.gz") else ""
    with pytest.raises(StorageError, match=r"items\.jsonl\.gz"):
        publish(two, NEWEST)
    assert (two.versions(), two.current().version) == ([OLD, NEW], OLD)


def test_promoting_and_rolling_back(two: S3Store, tmp_path: Path) -> None:
    assert two.promote(OLD).previous is None
    promoted = two.promote(NEW)
    assert (promoted.version, promoted.previous) == (NEW, OLD)
    assert two.current() == promoted == another(two.place, tmp_path / "other").current()
    assert two.promote(NEW) == promoted
    assert (two.rollback().version, two.current().previous) == (OLD, NEW)
    assert (two.rollback().version, two.current().previous) == (NEW, OLD)


def test_there_is_no_rolling_back_from_the_first_release(two: S3Store) -> None:
    two.promote(OLD)
    with pytest.raises(ReleaseError, match=f"{two.place}: no release was served before {OLD}"):
        two.rollback()


CHANGES: dict[str, Callable[[ReleaseStore], Current]] = {
    "promote": lambda store: store.promote(OLD),
    "rollback": ReleaseStore.rollback,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_in_s3_does_not_go_into_service_though_the_cache_has_it_whole(
    two: S3Store, damage: Callable[[S3Store, str], str], change: Callable[[ReleaseStore], Current]
) -> None:
    two.promote(OLD)
    before = two.promote(NEW)
    named = damage(two, OLD)
    with pytest.raises(ReleaseError, match=f"{named}: "):
        change(two)
    assert two.current() == before
    assert two.read(OLD).version == OLD


def test_of_two_who_promote_at_once_one_is_told_and_the_pointer_is_whole(
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


def test_a_pointer_that_stays_the_same_is_not_sent_again(two: S3Store, proxy: FaultProxy) -> None:
    two.promote(OLD)
    proxy.seen.clear()
    for _ in range(3):
        assert two.current().version == OLD
    assert [status for _, _, status in proxy.seen] == [200, 304, 304]
    two.promote(NEW)
    assert two.current().version == NEW


def test_a_damaged_pointer_is_named_at_every_look_and_promoting_mends_it(two: S3Store) -> None:
    two.promote(OLD)
    put(f"{two.place}/current.json", b"{")
    for _ in range(2):
        with pytest.raises(ReleaseError, match=f"{two.place}/current.json: .*releases promote"):
            two.current()
    assert two.promote(NEW) == two.current()


def test_a_version_that_is_not_there_is_refused(two: S3Store) -> None:
    for refuses in (two.read, two.promote):
        with pytest.raises(ReleaseError, match=f"{two.place}/{NEWEST}: no such release; `flask"):
            refuses(NEWEST)


@pytest.mark.parametrize("version", ["", ".", "..", "../x", "a/b", ".lock", "a\0b"], ids=ascii)
def test_a_name_that_is_no_version_is_nowhere_taken(two: S3Store, version: str) -> None:
    for refuses in (two.read, two.promote, lambda version: publish(two, version)):
        with pytest.raises(ReleaseError, match="is not a version"):
            refuses(version)


def test_a_release_under_another_name_is_refused(two: S3Store) -> None:
    for name in s3.listing(f"{two.place}/{NEW}"):
        put(f"{two.place}/{NEWEST}/{name}", get(f"{two.place}/{NEW}/{name}"))
    with pytest.raises(ReleaseError, match=f"{NEWEST}/release.json: says it is version {NEW}"):
        two.promote(NEWEST)


def test_what_is_in_the_cache_is_not_downloaded_again(
    two: S3Store, tmp_path: Path, proxy: FaultProxy
) -> None:
    two.read(OLD)
    proxy.seen.clear()
    assert two.read(OLD).version == OLD
    assert another(two.place, tmp_path / "cache").read(OLD).version == OLD
    assert proxy.seen == []


def test_processes_that_start_together_download_once(
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


def test_the_cache_keeps_what_is_in_service_and_what_was_before(two: S3Store) -> None:
    publish(two, NEWEST)
    served = []
    for version in (OLD, NEW, NEWEST):
        two.promote(version)
        served.append(two.read(two.current().version))
    (two.folder / f".{OLD}.unfinished").mkdir()
    two.read(NEWEST)
    assert cached(two) == [".lock", OLD, NEW, NEWEST]  # someone may be loading the old one
    long_ago = time.time() - s3_release_store.LOADING_SECONDS
    for version in (OLD, NEW, NEWEST):
        os.utime(two.folder / version, (long_ago, long_ago))
    two.read(NEWEST)
    assert cached(two) == [".lock", NEW, NEWEST]
    first, last = (served[k].arrays.ranking_factors for k in (0, -1))
    assert np.array_equal(first, last)


@pytest.mark.faults
def test_a_download_that_was_killed_goes_on(two: S3Store, proxy: FaultProxy) -> None:
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
def test_what_does_not_verify_is_not_cached_and_not_downloaded_again_at_once(
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
def test_no_key_leads_out_of_the_cache(two: S3Store, tmp_path: Path, key: str) -> None:
    put(f"{two.place}/{OLD}/{key}", b"x")
    with pytest.raises(StorageError, match="which no file can be called"):
        two.read(OLD)
    assert cached(two) == [".lock"]
    assert list(tmp_path.rglob("escaped")) == []


def test_a_cache_that_something_else_emptied_is_filled_again(two: S3Store) -> None:
    two.read(OLD)
    (two.folder / OLD / "items.jsonl.gz").unlink()
    (two.folder / OLD / "item_ids.npy").write_bytes(b"")
    assert list(two.read(OLD).items()) == ITEMS


@pytest.mark.faults
def test_a_full_disk_is_said_in_words(two: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StorageError, match=rf"{two.place}/{OLD}: needs .* MB .*; make room"):
        two.read(OLD)
    assert two.versions() == [OLD, NEW]


@pytest.mark.faults
def test_a_disk_that_fills_while_a_release_comes_keeps_no_half_of_it(
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


def test_a_cache_that_cannot_be_used_is_named(two: S3Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"RELEASE_CACHE=.*file: cannot be used .*name a folder"):
        another(two.place, tmp_path / "file").read(OLD)


def test_two_places_share_no_cache(tmp_path: Path) -> None:
    places = ("s3://bucket/a", "s3://bucket/b", "s3://other/a", "s3://bucket/../a")
    folders = [another(place, tmp_path).folder for place in places]
    assert len(set(folders)) == len(places)
    assert {folder.parent for folder in folders} == {tmp_path}


def test_the_cache_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_release_store, "VAR_TMP", tmp_path)
    folder = open_store("s3://bucket/releases").folder.parent
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
    other = os.getuid() + 1
    folder.rename(folder.with_name(f"marquee-{other}"))
    monkeypatch.setattr(s3_release_store.os, "getuid", lambda: other)
    with pytest.raises(ConfigError, match=r"belongs to another user.*; set RELEASE_CACHE"):
        open_store("s3://bucket/releases")


def test_a_place_where_nothing_can_be_written_is_refused_before_any_work(
    remote: S3Store, proxy: FaultProxy, tmp_path: Path
) -> None:
    remote.check_writable()
    with pytest.raises(StorageError, match="create the bucket"):
        another("s3://no-such-bucket/releases", tmp_path).check_writable()
    proxy.fault = lambda *_: "error"
    with pytest.raises(StorageError, match="is S3 reachable"):
        remote.check_writable()


def test_a_bucket_that_is_not_there_is_not_taken_for_an_empty_one(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    store = another("s3://no-such-bucket/releases", tmp_path)
    for asks in (store.versions, store.current):
        with pytest.raises(StorageError, match="create the bucket, or correct the address"):
            asks()
