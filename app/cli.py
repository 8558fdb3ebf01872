"""Operations: ``flask sync-catalogue``, ``flask releases …``, ``flask fetch-posters``, roles."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import accounts
from app.catalogue import sync_catalogue
from app.extensions import db, serving
from app.models import OWNER, ROLES
from app.tmdb import fetch_posters, titles_without_poster
from recommender.errors import MarqueeError, ReleaseError
from recommender.model import check_parity
from recommender.release_store import Current, ReleaseStore

P = ParamSpec("P")
T = TypeVar("T")

releases = AppGroup("releases", help="List, promote, roll back and verify releases.")


def init_app(app: Flask) -> None:
    app.cli.add_command(releases)
    app.cli.add_command(sync_catalogue_command)
    app.cli.add_command(fetch_posters_command)
    app.cli.add_command(set_role)


class Refused(click.ClickException):
    """A MarqueeError on the command line: one line, exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.format_message()}", err=True, file=file)


def says_errors(command: Callable[P, T]) -> Callable[P, T]:
    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except MarqueeError as error:
            raise Refused(str(error)) from error

    return wrapped


@click.command("sync-catalogue")
@with_appcontext
@says_errors
def sync_catalogue_command() -> None:
    """Bring the titles of the release in service into the database."""
    store = serving.watcher.store
    release = store.read(store.current().version)
    sync_catalogue(release, again=True)
    click.echo(f"{release.catalogue.items:,} titles from release {release.version}")


@click.command("fetch-posters")
@click.option("--rate", default=4.0, show_default=True, help="Questions to TMDB in a second.")
@click.option("--again", is_flag=True, help="Ask again for titles TMDB had no poster of.")
@with_appcontext
@says_errors
def fetch_posters_command(rate: float, again: bool) -> None:
    """Find each title's poster at TMDB; interrupt and resume as you like."""
    if not 0 < rate <= 40:
        raise Refused("--rate must be above 0 and at most 40")
    waiting = titles_without_poster(again)
    with click.progressbar(
        fetch_posters(waiting, rate), length=len(waiting), label="Posters"
    ) as found:
        posters = sum(found)
    click.echo(f"{posters:,} posters for {len(waiting):,} titles; the others are drawn")


@click.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@with_appcontext
def set_role(name: str, role: str) -> None:
    """Give the account NAME a ROLE: an owner sees the figures."""
    user = accounts.named(name)
    if user is None:
        raise Refused(f"there is no account named {name!r}")
    user.role = role
    db.session.commit()
    click.echo(f"{user.username} is {'an owner' if role == OWNER else 'a person like others'} now")


@releases.command("list")
@says_errors
def list_releases() -> None:
    """Every release, the one in service marked with a star."""
    store = serving.watcher.store
    for version in store.versions():
        click.echo(f"{'*' if version == _in_service(store) else ' '} {version}")


@releases.command("current")
@says_errors
def current_release() -> None:
    """The version in service."""
    click.echo(serving.watcher.store.current().version)


@releases.command()
@click.argument("version")
@says_errors
def promote(version: str) -> None:
    """Put VERSION into service, if it verifies."""
    _announce(serving.watcher.store.promote(version))


@releases.command()
@says_errors
def rollback() -> None:
    """Return to the release served before."""
    _announce(serving.watcher.store.rollback())


@releases.command()
@click.argument("version", required=False)
@says_errors
def verify(version: str | None) -> None:
    """Check VERSION's files, and that folding trained users in returns what training found."""
    store = serving.watcher.store
    release = store.read(version or store.current().version)
    click.echo(f"{release.version}: files are whole")
    parity = check_parity(release)
    click.echo(
        f"{release.version}: largest difference over {parity.users} users is"
        f" {parity.ranking:.1e} (ranking head), {parity.rating:.1e} (rating head)"
    )
    if not parity.holds:
        raise Refused(
            f"{release.version}: training and serving disagree by more than {parity.TOLERANCE:g};"
            " do not serve it, train again"
        )


def _announce(current: Current) -> None:
    click.echo(f"{current.version} is in service (before: {current.previous or 'none'})")


def _in_service(store: ReleaseStore) -> str | None:
    try:
        return store.current().version
    except ReleaseError:
        return None
