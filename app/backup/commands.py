"""``flask backup`` and ``flask restore``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

import click
from flask import Flask
from flask.cli import with_appcontext

from app.backup.file import Backup, written_whole
from app.backup.tables import back_up, restore
from app.cli.errors import report_errors
from recommender.errors import DataError

STANDARD = Path("-")


def init_app(app: Flask) -> None:
    app.cli.add_command(backup_command)
    app.cli.add_command(restore_command)


@click.command("backup")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@with_appcontext
@report_errors
def backup_command(path: Path) -> None:
    """Write the whole database to FILE, or to standard output where that is "-".

    The site may serve meanwhile. Only its owner may read FILE: it has addresses and password
    hashes.
    """
    target: AbstractContextManager[IO[bytes]] = (
        nullcontext(sys.stdout.buffer) if path == STANDARD else written_whole(path)
    )
    with target as stream:
        rows = back_up(stream)
    click.echo(f"{sum(rows.values()):,} rows of {len(rows)} tables in {path}", err=True)


@click.command("restore")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Delete what the database holds.")
@with_appcontext
@report_errors
def restore_command(path: Path, replace: bool) -> None:
    """Bring a backup FILE, or standard input where that is "-", into an empty database.

    The whole file is checked first; then all of it is stored, or nothing. Stop the site before.
    """
    with _opened(path) as stream:
        backup = Backup(stream, str(path))
        restore(backup, replace)
    rows = sum(backup.rows.values())
    click.echo(f"{rows:,} rows of {len(backup.rows)} tables, as of {backup.header.made_at}")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A file that can be read twice. Raises DataError."""
    if path == STANDARD:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield copy
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    with stream:
        yield stream
