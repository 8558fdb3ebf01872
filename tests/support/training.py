"""Training, run in this process."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from recommender.storage.release import Release
from recommender.storage.release_store import ReleaseStore
from spark_jobs import train


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str
    releases: Path

    @property
    def store(self) -> ReleaseStore:
        return ReleaseStore(self.releases)

    @property
    def release(self) -> Release:
        return self.store.read(self.store.current().version)


def run(folder: Path, *arguments: str, promote: str = "always") -> Run:
    """Train into ``folder``/releases."""
    releases = folder / "releases"
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        status = train.main([*arguments, "--releases", str(releases), "--promote", promote])
    return Run(status, out.getvalue(), err.getvalue(), releases)
