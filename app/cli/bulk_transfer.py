"""``flask import-ratings`` and ``flask export-ratings``."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.catalogue.items import sync_catalogue
from app.cli.errors import report_errors
from app.cli.releases import read_release, release_option
from app.portability.bulk_transfer import ImportCounts, export_ratings, find_rows, import_ratings


@click.command("import-ratings")
@click.argument("path", type=click.Path(path_type=Path))
@release_option
@with_appcontext
@report_errors
def import_ratings_command(path: Path, version: str | None) -> None:
    """Bring the users and ratings of the folder or file PATH into the database: MovieLens, or on a
    site of games Steam libraries.

    Interrupt and repeat as you like: of a pair the newest rating stays.
    """
    release = read_release(version)
    file, batches = find_rows(path, release.catalogue)
    sync_catalogue(release)
    counts = ImportCounts()
    with click.progressbar(length=file.stat().st_size, label="Ratings") as bar:
        for size in import_ratings(file, batches, release, counts):
            bar.update(size)
    click.echo(
        f"{counts.ratings:,} ratings; {counts.untitled:,} of titles that the release"
        " does not list were left out"
    )


@click.command("export-ratings")
@click.argument("destination")
@with_appcontext
@report_errors
def export_ratings_command(destination: str) -> None:
    """Write the database's ratings to DESTINATION, a folder or s3://bucket/prefix, for training."""
    count = export_ratings(destination, read_release())
    click.echo(f"{count:,} ratings; `make train` reads them with --ratings {destination}")


COMMANDS = (import_ratings_command, export_ratings_command)
