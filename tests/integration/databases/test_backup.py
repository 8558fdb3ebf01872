"""docs/backup.md: its commands, run as written there, restore every row."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import make_url

import config
from app import create_app
from app.accounts import api_tokens
from app.extensions import db
from app.models import Token
from tests.support.databases import DATABASES, Server, migrate, new_database
from tests.support.filled_tables import ROWS, fill, rows_of_all
from tests.support.requirements import missing
from tests.support.servers import PATIENCE
from tests.support.site import ROOT, settings

PAGE = Path(ROOT, "docs", "backup.md").read_text(encoding="utf-8")
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
PROGRAMS = {
    "sqlite": ["sqlite3"],
    "postgresql": ["pg_dump", "pg_restore"],
    "mariadb": ["mariadb-dump", "mariadb"],
}
# Already installed in the environment of the tests.
LEFT_OUT = "pip install"


def commands(heading: str) -> str:
    """Return the shell commands in the section under a heading of the page."""
    [section] = re.findall(rf"^##+ {heading}\n(.*?)(?=^##+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines()
    return "\n".join(line for line in lines if not line.startswith(LEFT_OUT))


class Operator:
    """Runs the page's commands on one database, with ``folder`` for the backups.

    ``variables``: variables set at the top of the page that do not follow from the URL.
    """

    def __init__(self, url: str, folder: Path, **variables: str):
        self.url = url
        address = make_url(url)
        if address.get_backend_name() == "mysql":
            options = f"host={address.host}\nport={address.port}\nuser={address.username}\n"
            (folder / ".my.cnf").write_text(f"[client]\n{options}")
        name = "SQLITE_FILE" if address.get_backend_name() == "sqlite" else "DATABASE"
        self._environ = {
            **os.environ,
            **settings(url, folder / "releases"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "BACKUPS": str(folder),
            name: str(address.database),
            **variables,
        }

    def run(self, heading: str) -> None:
        """Run the commands of a section in one shell, which stops at the first that fails."""
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", commands(heading)],
            cwd=ROOT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        engine = create_engine(config.with_driver(self.url))
        with engine.connect() as connection:
            rows = rows_of_all(connection)
        engine.dispose()
        return rows


def fill_database(url: str) -> None:
    """Apply all migrations, and store rows in every table."""
    migrate(url)
    engine = create_engine(config.with_driver(url))
    fill(engine)
    engine.dispose()


def require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            missing(program, ".ci/ensure databases")


def assert_new_ids_follow(operator: Operator, folder: Path) -> None:
    app = create_app(settings(operator.url, folder))
    with app.app_context():
        api_tokens.create("another")
        assert db.session.scalar(select(func.max(Token.id))) > ROWS
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("kind", DATABASES)
def test_backup_is_restored_row_for_row(
    kind: str, servers: Callable[[str], Server], tmp_path: Path
) -> None:
    require(*PROGRAMS[kind])
    (tmp_path / "target").mkdir()
    source = Operator(new_database(kind, servers, tmp_path), tmp_path)
    migrate(source.url)
    source.run(f"Back up {TITLES[kind]}")
    fill_database(source.url)
    source.run(f"Back up {TITLES[kind]}")  # replaces the earlier one
    target = Operator(new_database(kind, servers, tmp_path / "target"), tmp_path)
    target.run(f"Restore {TITLES[kind]}")
    target.run("Check a restore")
    assert target.rows() == source.rows()
    assert_new_ids_follow(target, tmp_path)


def test_sqlite_moves_to_postgresql_row_for_row(
    servers: Callable[[str], Server], tmp_path: Path
) -> None:
    require("pgloader")
    file = tmp_path / "marquee.db"
    source = Operator(f"sqlite:///{file}", tmp_path)
    fill_database(source.url)
    target = Operator(servers("postgresql").new_database(), tmp_path, SQLITE_FILE=str(file))
    target.run("Move from SQLite to PostgreSQL")
    target.run("Check a restore")
    assert target.rows() == source.rows()
    assert_new_ids_follow(target, tmp_path)
