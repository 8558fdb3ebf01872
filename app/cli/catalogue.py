"""``flask sync-catalogue``, ``sync-items``, ``add-titles`` and ``fetch-posters``."""

from __future__ import annotations

from pathlib import Path

import click

from app.catalogue.item_facts import sync_items
from app.catalogue.items import sync_catalogue
from app.catalogue.title_files import add_from_file
from app.catalogue.tmdb import fetch_posters, titles_without_poster
from app.cli.errors import CommandError, CommandGroup
from app.cli.releases import read_release, release_option
from app.portability.open_lines import match_again
from app.recommend.one_catalogue import check_ratings_fit, note_unit

commands = CommandGroup()


@commands.command("sync-catalogue")
@release_option
def sync_catalogue_command(version: str | None) -> None:
    """Copy the titles of the release in service into the database."""
    release = read_release(version)
    check_ratings_fit(release)
    note_unit(release)
    sync_catalogue(release, again=True)
    click.echo(f"{release.catalogue.items:,} titles from release {release.version}")
    _match_again()


@commands.command("sync-items")
@click.argument("file", type=click.Path(path_type=Path))
def sync_items_command(file: Path) -> None:
    """Bring new facts of titles from FILE between two trainings: CSV with a header, or JSON lines.

    Column item is the title's key, or its id in a catalogue without keys; title, year, genres,
    creators, image, link, available, description and facts of the catalogue's own may follow.
    Titles that are not available leave every list at once, and come back as they were.

    `make sync-items CONFIG=catalogue.yaml` brings the item table that the file describes.
    """
    release = read_release(None)
    sync_catalogue(release)
    counts = sync_items(file, release)
    click.echo(f"{counts.changed:,} titles changed, {counts.same:,} are as they were")
    if counts.gone or counts.back:
        click.echo(f"{counts.gone:,} are not available any more, {counts.back:,} are again")
    if counts.unknown:
        click.echo(f"{counts.unknown:,} are not in the catalogue; the next training brings them")
    _say_elsewhere(counts.elsewhere)


@commands.command("add-titles")
@click.argument("file", type=click.Path(path_type=Path))
def add_titles_command(file: Path) -> None:
    """Add titles from FILE between two trainings: CSV with a header, or JSON lines.

    Column title is needed; year, genres, creators, imdb_id, tmdb_id, key, description, image and
    link may follow, genres and creators as in Comedy|Drama. A title that is here already, by one of
    its ids, is not added again. Where a line is bad nothing of the file is stored.
    """
    release = read_release(None)
    sync_catalogue(release)
    counts = add_from_file(file, release)
    click.echo(f"{counts.new:,} titles are new, {counts.here:,} were here")
    if counts.alike:
        click.echo(
            f"warning: {counts.alike:,} names, with the year, are those of other titles too; the"
            " owner's page of added titles merges doubles",
            err=True,
        )
    _say_elsewhere(counts.elsewhere)
    _match_again()


def _say_elsewhere(pictures: int) -> None:
    if pictures:
        click.echo(
            f"{pictures:,} pictures are at hosts that the release in service does not"
            " name; until the next training these titles have drawn posters"
        )


def _match_again() -> None:
    if matched := match_again():
        click.echo(f"{matched:,} titles of people's files, not known so far, are here now")


@commands.command("fetch-posters")
@click.option("--rate", default=4.0, show_default=True, help="Requests to TMDB a second.")
@click.option("--again", is_flag=True, help="Ask again for titles that TMDB had no poster for.")
def fetch_posters_command(rate: float, again: bool) -> None:
    """Find each title's poster at TMDB; can be interrupted and resumed."""
    if not 0 < rate <= 40:
        raise CommandError("--rate must be above 0 and at most 40")
    waiting = titles_without_poster(again)
    with click.progressbar(
        fetch_posters(waiting, rate), length=len(waiting), label="Posters"
    ) as answers:
        posters = sum(answers)
    click.echo(f"{posters:,} posters for {len(waiting):,} titles; the others are drawn")
