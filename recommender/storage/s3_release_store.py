"""Stores releases in S3: keys below ``s3://bucket/folder`` are the paths of a folder store."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from recommender.catalogue import CatalogueItem
from recommender.errors import ConfigError, NotStored, ReleaseError, StorageError
from recommender.storage import s3
from recommender.storage.release import MANIFEST, ParitySample, Release
from recommender.storage.release_store import (
    CURRENT,
    VERSION,
    Current,
    ReleaseStore,
    check_version,
    read_version,
)

LOCK = ".lock"
# The owner of the folder in it is checked.
VAR_TMP = Path("/var/tmp")  # noqa: S108  # nosec B108
LOADING_SECONDS = 600.0  # after it was read, a release may still be loading
RETRY_SECONDS = 60.0  # until a release that did not verify is downloaded again


def open_store(location: str | Path, cache: str | None = None) -> ReleaseStore:
    """Open the store in a folder or below ``s3://bucket/folder``. Raises ConfigError.

    ``cache``: this machine's folder for releases read from S3 (default: one in /var/tmp).
    """
    if s3.is_address(location):
        return S3Store(str(location), Path(cache or _own_cache()))
    return ReleaseStore(location)


class S3Store(ReleaseStore):
    """Its ``folder`` is the cache, which all processes of a machine share: a release is downloaded
    once, and takes its final name when it is verified. Releases that are neither in service nor
    were before are removed in time; processes that serve one keep it memory-mapped.

    Raises the errors of ReleaseStore, and StorageError where S3 is the cause.
    """

    def __init__(self, address: str, cache: Path):
        bucket, key = s3.split(address)
        self.place = s3.join(f"{s3.SCHEME}{bucket}", key).rstrip("/")
        digest = hashlib.sha256(self.place.encode()).hexdigest()[:8]
        self.folder = cache.absolute() / f"{bucket}-{digest}"
        self._pointer = b""
        self._tag: str | None = None
        self._refused: dict[str, tuple[float, str]] = {}

    def check_writable(self) -> None:
        s3.check_writable(self.place)

    def versions(self) -> list[str]:
        end = f"/{MANIFEST}"
        names = (name.removesuffix(end) for name in s3.listing(self.place) if name.endswith(end))
        return sorted(name for name in names if VERSION.fullmatch(name))

    def current(self) -> Current:
        """Read the pointer, which is not sent again while it is unchanged."""
        address = s3.join(self.place, CURRENT)
        try:
            changed = s3.read(address, unlike=self._tag)
        except NotStored as error:
            self._tag = None
            raise self._nothing_promoted() from error
        if changed:
            self._pointer, self._tag = changed
        return Current.parse(self._pointer, address)

    def read(self, version: str) -> Release:
        check_version(version)
        with self._locked():
            self._clean(version)
            if (self.folder / version).is_dir():
                try:
                    release = read_version(self.folder / version, version)
                    os.utime(self.folder / version)
                    return release
                except ReleaseError:  # the cache is damaged: download it again
                    shutil.rmtree(self.folder / version)
            until, reason = self._refused.get(version, (0.0, ""))
            if time.monotonic() < until:
                raise ReleaseError(reason)
            return self._fetch(version)

    def publish(
        self,
        release: Release,
        items: Iterable[CatalogueItem],
        parity: ParitySample,
        report: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Release:
        """Upload a new release, its manifest last: without one there is no release."""
        check_version(release.version)
        address = s3.join(self.place, release.version)
        if MANIFEST in s3.listing(address):
            raise ReleaseError(f"{address}: exists; releases are immutable")
        with tempfile.TemporaryDirectory() as folder:
            written = ReleaseStore(folder).publish(release, items, parity, report).folder
            assert written
            s3.upload_folder(written, address, last=MANIFEST)
        return release

    def _verify(self, version: str) -> None:
        """Verify the objects in S3, whatever the cache holds."""
        check_version(version)
        with self._locked():
            self._clean(version)
            self._fetch(version)

    def _fetch(self, version: str) -> Release:
        """Download and verify, then move into the cache. Resumes an interrupted download."""
        address, unfinished = s3.join(self.place, version), self._unfinished(version)
        try:
            s3.download_folder(address, unfinished)
            release = read_version(unfinished, version)
        except NotStored as error:
            raise ReleaseError(
                f"{address}: no such release; `flask releases list` shows them"
            ) from error
        except StorageError as error:
            if _is_full(error.__cause__):  # the partial download fills the disk
                shutil.rmtree(unfinished)
            raise
        except ReleaseError as error:
            shutil.rmtree(unfinished)
            reason = str(error).replace(str(unfinished), address)
            self._refused[version] = time.monotonic() + RETRY_SECONDS, reason
            raise ReleaseError(reason) from error
        self._refused.pop(version, None)
        shutil.rmtree(self.folder / version, ignore_errors=True)
        unfinished.rename(self.folder / version)
        return replace(release, folder=self.folder / version)

    def _clean(self, version: str) -> None:
        """Remove versions other than those that the pointer names, those that a process may be
        loading, and this one."""
        try:
            current = Current.parse(self._pointer, self.place)
        except ReleaseError:
            return  # without a pointer any release may be in service
        keep = {current.version, current.previous, version, self._unfinished(version).name, LOCK}
        since = time.time() - LOADING_SECONDS
        for path in self.folder.iterdir():
            is_loading = VERSION.fullmatch(path.name) and path.stat().st_mtime > since
            if path.name not in keep and not is_loading:
                shutil.rmtree(path)

    def _unfinished(self, version: str) -> Path:
        return self.folder / f".{version}.unfinished"

    def _write_current(self, current: Current) -> None:
        """Raises StorageError where another process has promoted since ``current`` was read."""
        s3.replace(s3.join(self.place, CURRENT), current.text().encode(), expected=self._tag)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process of this machine at a time in. The lock ends with its process."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StorageError(
                f"RELEASE_CACHE={self.folder.parent}: cannot be used ({error});"
                " name a folder of your own, on a disk with room"
            ) from error


def _is_full(cause: BaseException | None) -> bool:
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _own_cache() -> Path:
    """Make a folder in /var/tmp, which is a disk where /tmp may be memory. Raises ConfigError where
    it belongs to another user, who could write anything into it."""
    folder = VAR_TMP / f"marquee-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise PermissionError("it belongs to another user")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used ({error}); set RELEASE_CACHE") from error
    return folder
