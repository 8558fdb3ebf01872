"""``flask releases …``: list, promote, roll back and verify releases."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.cli.errors import CommandError, report_errors
from app.recommend.model_watcher import serving
from recommender.errors import ReleaseError
from recommender.parity import check_parity
from recommender.storage.release import Release
from recommender.storage.release_store import Current, ReleaseStore

releases = AppGroup("releases", help="List, promote, roll back and verify releases.")
release_option = click.option(
    "--release", "version", metavar="VERSION", help="Of this release, not of the one in service."
)


@releases.command("list")
@report_errors
def list_releases() -> None:
    """Every release, the one in service marked with a star."""
    store = serving.watcher.store
    in_service = _in_service(store)
    for version in store.versions():
        click.echo(f"{'*' if version == in_service else ' '} {version}")


@releases.command("current")
@report_errors
def current_release() -> None:
    """The version in service."""
    click.echo(serving.watcher.store.current().version)


@releases.command()
@click.argument("version")
@report_errors
def promote(version: str) -> None:
    """Put VERSION into service, if it verifies."""
    _announce(serving.watcher.store.promote(version))


@releases.command()
@report_errors
def rollback() -> None:
    """Return to the release served before."""
    _announce(serving.watcher.store.rollback())


@releases.command()
@click.argument("version", required=False)
@report_errors
def verify(version: str | None) -> None:
    """Check VERSION's files, and that folding trained users in returns what training found."""
    release = read_release(version)
    click.echo(f"{release.version}: files are whole")
    parity = check_parity(release)
    click.echo(
        f"{release.version}: largest difference over {parity.users} users is"
        f" {parity.ranking:.1e} (ranking model), {parity.rating:.1e} (rating model)"
    )
    if not parity.holds:
        raise CommandError(
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


def read_release(version: str | None = None) -> Release:
    """Read the release ``version``, or the one in service; check its files."""
    store = serving.watcher.store
    return store.read(version or store.current().version)


COMMANDS = (releases,)
