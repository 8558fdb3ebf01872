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
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import config
from tests.support.requirements import missing
from tests.support.servers import ROOT, as_deployed

# The commit that was in service before this version; the last tag `v…`, where there is one, that is
# not of this commit.
LANDED = "cb7ac33"
PROGRAMS = Path(sys.executable).parent


# Runs commands of flask in one process, since importing the site takes seconds.
COMMANDS = """
import sys
from application import application
for command in sys.argv[1:]:
    done = application.test_cli_runner().invoke(args=command.split(), catch_exceptions=False)
    sys.stderr.write(done.stderr)
    sys.stdout.write(done.stdout)
    if done.exit_code:
        sys.exit(done.exit_code)
"""
PUBLISH = """
import sys
from recommender.storage.s3_release_store import open_store
from tests.support.releases import publish_tiny
publish_tiny(open_store(*sys.argv[1:3]), sys.argv[3])
"""


@dataclass(frozen=True)
class Version:
    """A version's code in ``folder``, run with the packages of these tests."""

    folder: Path

    def flask(self, environ: Mapping[str, str], *commands: str) -> str:
        """Run commands of flask one after the other; return the last line that they print."""
        return self._python(environ, COMMANDS, *commands)

    def publish(self, environ: Mapping[str, str], version: str) -> None:
        """Write and promote a tiny release with this version's code."""
        self._python({}, PUBLISH, environ["RELEASES"], environ["RELEASE_CACHE"], version)

    def _python(self, environ: Mapping[str, str], code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (done.stdout.splitlines() or [""])[-1]

    @contextmanager
    def serve(self, environ: Mapping[str, str], log: Path) -> Iterator[tuple[str, int]]:
        """Serve as its Procfile does; yield the address and the process id of the master."""
        with as_deployed(self.folder, PROGRAMS, {**os.environ, **environ}, log) as served:
            yield served

    def head(self) -> str:
        """Return the newest revision of its migrations."""
        head = ScriptDirectory(str(self.folder / "migrations")).get_current_head()
        assert head is not None
        return head


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
