"""The code of the version before this one, checked out beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

import config
from tests.support.requirements import missing
from tests.support.servers import ROOT, as_deployed

# The commit that was in service before this version; the last tag `v…`, where there is one, that is
# not of this commit.
LANDED = "cb7ac33"
PROGRAMS = Path(sys.executable).parent


@dataclass(frozen=True)
class Version:
    """A version's code in ``folder``, run with the packages of these tests."""

    folder: Path

    def flask(self, environ: Mapping[str, str], *command: str) -> str:
        """Run a command of flask; return the last line that it prints."""
        done = subprocess.run(
            [PROGRAMS / "flask", *command],
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (done.stdout.splitlines() or [""])[-1]

    @contextmanager
    def serve(self, environ: Mapping[str, str], log: Path) -> Iterator[str]:
        """Serve as its Procfile does; yield the address."""
        with as_deployed(self.folder, PROGRAMS, {**os.environ, **environ}, log) as (address, _):
            yield address

    def head(self) -> str:
        """Return the newest revision of its migrations."""
        done = subprocess.run(
            [PROGRAMS / "flask", "db", "heads"],
            cwd=self.folder,
            env={**os.environ, "DEBUG": "True"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()[0]


THIS = Version(ROOT)


@contextmanager
def landed_version(folder: Path) -> Iterator[Version]:
    """Check out the version before this one; skip the test where its commit is missing."""
    commit = _commit()
    _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield Version(folder)
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _commit() -> str:
    if shutil.which("git") is None:
        missing("git", "apt-get install git")
    tagged = _git("describe", "--tags", "--match", "v*", "--abbrev=0", "HEAD^", check=False)
    commit = tagged or LANDED
    if not _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", check=False):
        # A checkout without history, which no installation can add: skipped wherever that is.
        pytest.skip(f"needs commit {commit}: git fetch --unshallow")
    return commit


def _git(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=check
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def stored_ratings(url: str) -> dict[tuple[int, int], float]:
    """Read the ratings in a database, whatever version its tables are of."""
    engine = create_engine(config.with_driver(url))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT user_id, item_id, rating FROM ratings")).all()
    engine.dispose()
    return {(row[0], row[1]): row[2] for row in rows}
