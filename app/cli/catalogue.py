"""``flask sync-catalogue`` and ``flask fetch-posters``."""

from __future__ import annotations

import click

from app.catalogue.items import sync_catalogue
from app.catalogue.tmdb import fetch_posters, titles_without_poster
from app.cli.errors import CommandError, CommandGroup
from app.cli.releases import read_release, release_option
from app.portability.open_lines import match_again

commands = CommandGroup()


@commands.command("sync-catalogue")
@release_option
def sync_catalogue_command(version: str | None) -> None:
    """Copy the titles of the release in service into the database."""
    release = read_release(version)
    sync_catalogue(release, again=True)
    click.echo(f"{release.catalogue.items:,} titles from release {release.version}")
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
