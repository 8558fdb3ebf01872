"""Every command when the database is unreachable, or was not upgraded: one line with the remedy."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from app import create_app
from docs.generated import flask_commands
from recommender.storage.release_store import ReleaseStore
from tests.support.commands import run
from tests.support.releases import publish_tiny
from tests.support.site import ROOT, settings

# Flask-Migrate's commands that read the database, besides those that would write files here.
OF_MIGRATIONS = ("check", "current", "downgrade", "stamp", "upgrade")
# These need no database.
OF_RELEASES = {"list", "current", "promote", "rollback", "verify"}
AWAY = "the database is unreachable"
NOT_UPGRADED = "run `flask db upgrade`"


def is_ours(command: click.Command) -> bool:
    return command.callback is not None and command.callback.__module__.startswith("app.")


def commands(app: Flask) -> list[list[str]]:
    """Return every command of the site with a value for each parameter that it requires."""
    lines = []
    for name, command in flask_commands(app.cli).items():
        if is_ours(command):
            values = [word for param in command.params if param.required for word in words(param)]
            lines.append([*name.split()[1:], *values])
    return lines


def words(param: click.Parameter) -> list[str]:
    value = param.type.choices[0] if isinstance(param.type, click.Choice) else "1"
    return [param.opts[0], str(value)] if isinstance(param, click.Option) else [str(value)]


@pytest.fixture
def ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder in which "1" is a data set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,7\n")


def site(database: Path, store: ReleaseStore) -> Flask:
    return create_app({**settings(database, store.folder), "TMDB_API_KEY": "any"})


@pytest.mark.parametrize("away", [True, False], ids=["unreachable", "not upgraded"])
@pytest.mark.usefixtures("ratings")
def test_command_prints_one_line_when_database_cannot_be_used(
    away: bool, store: ReleaseStore, tmp_path: Path
) -> None:
    publish_tiny(store)
    app = site(tmp_path / ("no such folder" if away else "") / "site.db", store)
    for command in commands(app):
        status, output = run(app, *command)
        if command[0] == "releases" and command[1] in OF_RELEASES:
            continue
        assert status == 2, (command, output)
        assert output.count("\n") == 1, (command, output)
        remedies = {AWAY} if away else {NOT_UPGRADED}
        assert any(r in output for r in (*remedies, "`flask db upgrade` done?")), (command, output)


@pytest.mark.parametrize("command", OF_MIGRATIONS)
def test_migration_command_prints_one_line_when_database_is_unreachable(
    command: str, store: ReleaseStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = site(tmp_path / "no such folder" / "site.db", store)
    status, output = run(app, "db", command, "--directory", str(ROOT / "migrations"))
    assert status == 1
    assert AWAY in output + caplog.text
    assert "Traceback" not in output + caplog.text


def test_db_check_names_the_remedy_when_database_is_not_upgraded(
    store: ReleaseStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = site(tmp_path / "site.db", store)
    status, output = run(app, "db", "check", "--directory", str(ROOT / "migrations"))
    assert status == 1
    assert NOT_UPGRADED in output + caplog.text


def test_command_prints_one_line_when_a_setting_is_invalid() -> None:
    flask = FlaskGroup(create_app=lambda: create_app({"DEBUG": "True", "DATABASE_URL": "x"}))
    done = CliRunner().invoke(flask, ["list-tokens"])
    assert done.exit_code == 2
    assert done.output.startswith("error: DATABASE_URL is not a database address such as")
    assert done.output.count("\n") == 1
