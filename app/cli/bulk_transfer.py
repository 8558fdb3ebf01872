"""``flask import-ratings`` and ``flask export-ratings``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import click

from app.catalogue.items import sync_catalogue
from app.cli.errors import CommandGroup
from app.cli.releases import read_release, release_option
from app.portability.bulk_transfer import (
    ImportCounts,
    check_ratings,
    export_ratings,
    find_rows,
    import_ratings,
)

commands = CommandGroup()


@commands.command("import-ratings")
@click.argument("path", type=click.Path(path_type=Path))
@release_option
def import_ratings_command(path: Path, version: str | None) -> None:
    """Import users and ratings from PATH, a folder or file: MovieLens, or Steam for games.

    In a catalogue with keys a CSV file with the columns userKey, itemKey, rating and timestamp will
    do, with ratings on the catalogue's own scale.

    The file is checked before a rating is stored. An import can be interrupted and repeated: of
    two ratings of an item by a user, the newer one stays.
    """
    release = read_release(version)
    file, batches, differences = find_rows(path, release, ImportCounts())
    for difference in differences:
        click.echo(f"{file.name}: {difference}")
    sync_catalogue(release)
    _show_progress("Checking", file, check_ratings(file, batches))
    counts = ImportCounts()
    _, batches, _ = find_rows(path, release, counts)
    _show_progress("Importing", file, import_ratings(file, batches, release, counts))
    click.echo(
        f"{counts.ratings:,} ratings; {counts.untitled:,} of titles that the release"
        " does not list were left out"
    )
    unknown = counts.unknown
    if unknown.users or unknown.items:
        click.echo(
            f"{unknown.users:,} of users and {unknown.items:,} of titles whose keys the release"
            " does not have were left out; train with them first"
        )


def _show_progress(label: str, file: Path, sizes: Iterable[int]) -> None:
    with click.progressbar(length=file.stat().st_size, label=label) as bar:
        for size in sizes:
            bar.update(size)


@commands.command("export-ratings")
@click.argument("destination")
def export_ratings_command(destination: str) -> None:
    """Write the database's ratings to DESTINATION, a folder or s3://bucket/prefix, for training.

    Titles that were added here come along, but hidden ones.
    """
    ratings, titles = export_ratings(destination, read_release())
    option = f'ARGS="--ratings {shlex.quote(destination)}"'
    added = f" and {titles:,} titles that were added here" if titles else ""
    click.echo(f"{ratings:,} ratings{added}; to train on them too: make train {option}")
