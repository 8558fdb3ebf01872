"""``flask releases …``: list, promote, roll back and verify releases."""

from __future__ import annotations

from contextlib import suppress

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.errors import CommandError, CommandGroup
from app.recommend.model_watcher import serving
from app.recommend.one_catalogue import check_ratings_fit
from recommender.errors import ReleaseError
from recommender.parity import check_parity
from recommender.storage.release import Release
from recommender.storage.release_changes import check_changes, worrying_changes
from recommender.storage.release_store import Current, ReleaseStore

releases = CommandGroup("releases", help="List, promote, roll back and verify releases.")
release_option = click.option(
    "--release",
    "version",
    metavar="VERSION",
    help="Default: the release in service.",
)
force_option = click.option(
    "--force", is_flag=True, help="Take the release in spite of what would change."
)


@releases.command("list")
def list_releases() -> None:
    """List all releases; a star marks the one in service."""
    store = serving.watcher.store
    in_service = _in_service(store)
    for version in store.versions():
        click.echo(f"{'*' if version == in_service else ' '} {version}")


@releases.command("current")
def current_release() -> None:
    """Print the version in service."""
    click.echo(serving.watcher.store.current().version)


@releases.command()
@click.argument("version")
@force_option
def promote(version: str, force: bool) -> None:
    """Put VERSION into service, if it is valid.

    A release that the gate refused, of another catalogue, or with far more or fewer titles, users
    or ratings needs --force. One of another catalogue than the ratings in the database is refused.
    """
    store = serving.watcher.store
    release, before = store.read(version), _release_in_service()
    if not force:
        check_changes(release, before)
    _check_ratings(release)
    for change in worrying_changes(release, before):
        click.echo(f"{version}: {change}")
    _announce(store.promote(version))


@releases.command()
def rollback() -> None:
    """Return to the release that was in service before."""
    store = serving.watcher.store
    if (previous := store.current().previous) is not None:
        _check_ratings(store.read(previous))
    _announce(store.rollback())


@releases.command()
@click.argument("version", required=False)
def verify(version: str | None) -> None:
    """Check VERSION's files, and that folding trained users and titles in returns their trained
    vectors."""
    release = read_release(version)
    click.echo(f"{release.version}: files are whole")
    parity = check_parity(release)
    click.echo(
        f"{release.version}: largest difference over {parity.users} users is"
        f" {parity.ranking:.1e} (ranking model), {parity.neighbourhood:.1e} (neighbourhood),"
        f" {parity.rating:.1e} (rating model)"
    )
    if parity.items:
        click.echo(
            f"{release.version}: over {parity.items} titles, folded in from their raters, it is"
            f" {parity.item_vectors:.1e}"
        )
    if not parity.holds:
        raise CommandError(
            f"{release.version}: training and serving disagree by more than {parity.TOLERANCE:g};"
            " do not serve it, train again"
        )


def _announce(current: Current) -> None:
    click.echo(f"{current.version} is in service (before: {current.previous or 'none'})")


def _check_ratings(release: Release) -> None:
    """Raise ReleaseError if the site would refuse the release for its ratings.

    Where its database is not reached, as on a machine that trains, the site itself checks.
    """
    with suppress(SQLAlchemyError):
        check_ratings_fit(release)


def _in_service(store: ReleaseStore) -> str | None:
    try:
        return store.current().version
    except ReleaseError:
        return None


def _release_in_service() -> Release | None:
    try:
        return read_release()
    except ReleaseError:
        return None  # the first one, or a replacement for a damaged one


def read_release(version: str | None = None) -> Release:
    """Read the release ``version``, or the one in service; check its files."""
    store = serving.watcher.store
    return store.read(version or store.current().version)
