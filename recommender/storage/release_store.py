"""Stores releases: one folder each, and ``current.json``, which names the one in service.

Promoting and rolling back replace ``current.json`` alone, atomically.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from recommender.catalogue import CatalogueItem
from recommender.errors import ConfigError, NoRelease, ReleaseError
from recommender.storage.atomic_files import lock, remove_stale, write_atomically
from recommender.storage.release import MANIFEST, ParitySample, Release, write_release
from recommender.storage.release_reader import read_release

CURRENT = "current.json"
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Current(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``current.json``. ``promoted_at``: ISO 8601, UTC."""

    version: str
    promoted_at: str
    previous: str | None

    @classmethod
    def parse(cls, content: bytes, where: str) -> Current:
        """Raises ReleaseError naming ``where`` the content is from."""
        try:
            return msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ReleaseError(
                f"{where}: not a pointer to a release ({error}); `flask releases promote VERSION`"
            ) from error

    def text(self) -> str:
        return json.dumps(msgspec.structs.asdict(self), indent=2) + "\n"


class ReleaseStore:
    """Releases in a folder. Raises ConfigError where ``location`` is not a folder."""

    def __init__(self, location: str | Path):
        if not str(location):
            raise ConfigError("RELEASES is empty; give the path of a folder")
        if "://" in str(location) or Path(location).is_file():
            raise ConfigError(
                f"RELEASES={location}: must be a folder; give its path, or s3://bucket/folder"
            )
        self.folder = Path(location).absolute()
        self.place = str(self.folder)

    def check_writable(self) -> None:
        """Raises ConfigError where no release could be written, before one is trained."""
        nearest = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise ConfigError(
                f"RELEASES={self.folder}: cannot be written, because of {nearest};"
                " name a folder of your own"
            )

    def versions(self) -> list[str]:
        """List complete releases, oldest first (versions begin with their time)."""
        names = (manifest.parent.name for manifest in self.folder.glob(f"*/{MANIFEST}"))
        return sorted(name for name in names if VERSION.fullmatch(name))

    def current(self) -> Current:
        """Read the pointer. Raises NoRelease, or ReleaseError for a damaged pointer."""
        path = self.folder / CURRENT
        try:
            return Current.parse(path.read_bytes(), str(path))
        except FileNotFoundError as error:
            raise self._nothing_promoted() from error
        except OSError as error:
            raise ReleaseError(f"{path}: cannot be read ({error}); check permissions") from error

    def read(self, version: str) -> Release:
        """Read and verify one release. Raises ReleaseError."""
        check_version(version)
        if not (self.folder / version).is_dir():
            raise ReleaseError(
                f"{self.folder / version}: no such release; `flask releases list` shows them"
            )
        return read_version(self.folder / version, version)

    def in_service(self) -> Release | None:
        """Read the release in service; None where there is none, or none that can be read."""
        try:
            return self.read(self.current().version)
        except ReleaseError:
            return None

    def publish(
        self,
        release: Release,
        items: Iterable[CatalogueItem],
        parity: ParitySample,
        report: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Release:
        """Write a new release whole or not at all. ``report``: files of its ``report/``, by name.

        Raises ReleaseError where the release exists.
        """
        check_version(release.version)
        if (self.folder / release.version).exists():
            raise ReleaseError(f"{self.folder / release.version}: exists; releases are immutable")
        remove_stale(self.folder, ".*.unfinished")
        unfinished = self.folder / f".{release.version}.unfinished"
        with _writing(self.folder / release.version):
            unfinished.mkdir(parents=True)
            handle = lock(unfinished)
            try:
                write_release(unfinished / release.version, release, items, parity, report)
                (unfinished / release.version).rename(self.folder / release.version)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
                os.close(handle)
        return replace(release, folder=self.folder / release.version)

    def promote(self, version: str) -> Current:
        """Verify a release, then put it into service. Raises ReleaseError with nothing changed."""
        self._verify(version)
        try:
            before = self.current()
        except ReleaseError:
            before = None
        if before and before.version == version:
            return before
        now = datetime.now(UTC).isoformat(timespec="seconds")
        current = Current(version, now, before.version if before else None)
        self._write_current(current)
        return current

    def rollback(self) -> Current:
        """Promote the release served before. Raises ReleaseError where there was none."""
        current = self.current()
        if current.previous is None:
            raise ReleaseError(f"{self.place}: no release was served before {current.version}")
        return self.promote(current.previous)

    def _verify(self, version: str) -> None:
        """Raises ReleaseError."""
        self.read(version)

    def _nothing_promoted(self) -> NoRelease:
        return NoRelease(f"{self.place}: no release has been promoted yet; run `make train`")

    def _write_current(self, current: Current) -> None:
        with _writing(self.folder / CURRENT):
            write_atomically(self.folder / CURRENT, current.text().encode())


def read_version(folder: Path, version: str) -> Release:
    """Read and verify the release in ``folder``. Raises ReleaseError, also for another version."""
    release = read_release(folder)
    if release.version != version:
        raise ReleaseError(
            f"{folder / MANIFEST}: says it is version {release.version}; publish the release again"
        )
    return release


def check_version(version: str) -> None:
    """Raises ReleaseError for an invalid name of a release."""
    if not VERSION.fullmatch(version) or version == CURRENT:
        raise ReleaseError(f"{version!r} is not a version; `flask releases list` shows them")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises ReleaseError naming ``path`` in place of OSError."""
    try:
        yield
    except OSError as error:
        raise ReleaseError(
            f"{path}: cannot be written ({error}); is there room, and permission to write?"
        ) from error
