"""Operations: ``flask sync-catalogue``, ``flask releases …``, tokens, ratings in bulk, and more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app.accounts import api_tokens
from app.accounts import service as accounts
from app.catalogue.items import sync_catalogue
from app.catalogue.tmdb import fetch_posters, titles_without_poster
from app.db.clock import utcnow
from app.extensions import db, serving
from app.models import OWNER, ROLES, User
from app.portability.bulk_transfer import Brought, export_ratings, find_rows, import_ratings
from recommender.catalogue import LARGEST_ID
from recommender.errors import MarqueeError, ReleaseError
from recommender.parity import check_parity
from recommender.storage.release import Release
from recommender.storage.release_store import Current, ReleaseStore

LONGEST_NAME = 64
P = ParamSpec("P")
T = TypeVar("T")

releases = AppGroup("releases", help="List, promote, roll back and verify releases.")


def init_app(app: Flask) -> None:
    app.cli.add_command(releases)
    app.cli.add_command(sync_catalogue_command)
    app.cli.add_command(fetch_posters_command)
    app.cli.add_command(set_role)
    app.cli.add_command(end_logins)
    app.cli.add_command(create_token)
    app.cli.add_command(list_tokens)
    app.cli.add_command(revoke_token)
    app.cli.add_command(import_ratings_command)
    app.cli.add_command(export_ratings_command)


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


of_release = click.option(
    "--release", "version", metavar="VERSION", help="Of this release, not of the one in service."
)


@click.command("sync-catalogue")
@of_release
@with_appcontext
@says_errors
def sync_catalogue_command(version: str | None) -> None:
    """Bring the titles of the release in service into the database."""
    release = _release(version)
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
    user = _account(name)
    user.role = role
    db.session.commit()
    click.echo(f"{user.username} is {'an owner' if role == OWNER else 'a person like others'} now")


@click.command("end-logins")
@click.argument("name")
@with_appcontext
def end_logins(name: str) -> None:
    """Log the account NAME out everywhere, at once. The password stays."""
    user = _account(name)
    user.end_logins()
    db.session.commit()
    click.echo(f"{user.username} is logged out everywhere")


@click.command("create-token")
@click.option("--name", required=True, help="What to call it; there is one token of a name.")
@click.option("--user", help="Good for this person alone: their id, or the name they log in by.")
@click.option("--expires", type=click.IntRange(1, 36_500), metavar="DAYS", help="Default: never.")
@with_appcontext
@says_errors
def create_token(name: str, user: str | None, expires: int | None) -> None:
    """Make a token for the REST API; without --user it acts for anyone. It is shown once."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Refused(f"--name must be 1 to {LONGEST_NAME} printable characters")
    person = _person(user) if user is not None else None
    ends = utcnow() + timedelta(days=expires) if expires else None
    secret = api_tokens.create(name, person.id if person else None, ends)
    whose = f"user {person.id}" if person else "anyone"
    until = f"until {ends:%Y-%m-%d}" if ends else "until it is revoked"
    click.echo(f"{name!r} is good for {whose} {until}. This is shown once:", err=True)
    click.echo(secret)


@click.command("list-tokens")
@with_appcontext
def list_tokens() -> None:
    """Every token: name, whom it is good for, last use, and whether it has ended."""
    for token in api_tokens.every_token():
        whose = "anyone" if token.user_id is None else f"user {token.user_id}"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        state = "good" if api_tokens.is_good(token) else "ended"
        click.echo(f"{token.name}\t{whose}\tlast used {used}\t{state}")


@click.command("revoke-token")
@click.argument("name")
@with_appcontext
def revoke_token(name: str) -> None:
    """End the token NAME at once."""
    if not api_tokens.revoke(name):
        raise Refused(f"there is no token named {name!r} to revoke; `flask list-tokens` shows them")
    click.echo(f"{name!r} is revoked")


@click.command("import-ratings")
@click.argument("path", type=click.Path(path_type=Path))
@of_release
@with_appcontext
@says_errors
def import_ratings_command(path: Path, version: str | None) -> None:
    """Bring the users and ratings of the folder or file PATH into the database: MovieLens, or on a
    site of games Steam libraries.

    Interrupt and repeat as you like: of a pair the newest rating stays.
    """
    release = _release(version)
    file, batches = find_rows(path, release.catalogue)
    sync_catalogue(release)
    brought = Brought()
    with click.progressbar(length=file.stat().st_size, label="Ratings") as bar:
        for size in import_ratings(file, batches, release, brought):
            bar.update(size)
    click.echo(
        f"{brought.ratings:,} ratings; {brought.untitled:,} of titles that the release"
        " does not list were left out"
    )


@click.command("export-ratings")
@click.argument("destination")
@with_appcontext
@says_errors
def export_ratings_command(destination: str) -> None:
    """Write the database's ratings to DESTINATION, a folder or s3://bucket/prefix, for training."""
    count = export_ratings(destination, _release())
    click.echo(f"{count:,} ratings; `make train` reads them with --ratings {destination}")


@releases.command("list")
@says_errors
def list_releases() -> None:
    """Every release, the one in service marked with a star."""
    store = serving.watcher.store
    in_service = _in_service(store)
    for version in store.versions():
        click.echo(f"{'*' if version == in_service else ' '} {version}")


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
    release = _release(version)
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


def _release(version: str | None = None) -> Release:
    """The one in service, unless another is named."""
    store = serving.watcher.store
    return store.read(version or store.current().version)


def _account(name: str) -> User:
    user = accounts.named(name)
    if user is None:
        raise Refused(f"there is no account named {name!r}")
    return user


def _person(said: str) -> User:
    """By id where it is a number, else by name."""
    if said.isdecimal():
        found = db.session.get(User, int(said)) if int(said) <= LARGEST_ID else None
    else:
        found = accounts.named(said)
    if found is None:
        raise Refused(f"there is no user {said!r}")
    return found
