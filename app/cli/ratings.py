"""``flask delete-ratings``: the way to another catalogue in the same database."""

from __future__ import annotations

import click
from sqlalchemy import delete, func, select, update

from app.cli.errors import CommandError, CommandGroup
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import (
    CatalogueState,
    Exposure,
    Import,
    ImportChange,
    Impression,
    Item,
    ListEntry,
    OpenLine,
    Rating,
    SiteState,
)

commands = CommandGroup()
# In this order: a row is deleted before those that it refers to.
TABLES = (Exposure, Impression, ImportChange, OpenLine, Import, ListEntry, Rating)


@commands.command("delete-ratings")
@click.option("--yes", is_flag=True, help="Needed, since nothing of it can be restored.")
def delete_ratings_command(yes: bool) -> None:
    """Delete all that people and data sets said of titles, so that a release of another catalogue
    can go into service: ratings, lists, imports, what was recommended. Accounts stay."""
    if not yes:
        raise CommandError(
            f"this deletes {_count_ratings():,} ratings, and every list; back up, then add --yes"
        )
    click.echo(f"{_delete_ratings():,} ratings are deleted")


def _count_ratings() -> int:
    return db.session.scalar(select(func.count()).select_from(Rating)) or 0


@retry_on_conflict
def _delete_ratings() -> int:
    count = _count_ratings()
    for table in TABLES:
        db.session.execute(delete(table))
    db.session.execute(update(Item).values(rating_count=0, rating_mean=None))
    db.session.execute(update(SiteState).values(rating_unit=None, has_data_set=False))
    db.session.execute(update(CatalogueState).values(version=None))
    db.session.commit()
    return count
