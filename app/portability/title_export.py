"""The titles that were added here, as training reads them beside the exported ratings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import ColumnElement, exists, select

from app.catalogue.availability import withdrawn
from app.extensions import db
from app.models import AddedTitle, Item, Rating
from recommender.catalogue import CatalogueItem
from recommender.formats.added_titles import write_titles

BATCH = 1_000


def export_titles(file: Path) -> int:
    """Write the titles that are neither hidden nor merged; return their number."""
    return write_titles(file, _titles())


def is_handed_over() -> ColumnElement[bool]:
    """Return the condition that a rating is of no title that is hidden."""
    return ~exists().where(AddedTitle.item_id == Rating.item_id, withdrawn())


def _titles() -> Iterator[CatalogueItem]:
    added = select(Item).join(AddedTitle, AddedTitle.item_id == Item.id).where(~withdrawn())
    added = added.order_by(Item.id).execution_options(yield_per=BATCH)
    for item in db.session.scalars(added):
        yield CatalogueItem(
            item.id,
            item.title,
            item.year,
            tuple(item.genre_list),
            imdb_id=item.imdb_id,
            tmdb_id=item.tmdb_id,
            description=item.description,
            key=item.key,
            creators=tuple(item.creator_list),
            image=item.image,
            link=item.link,
        )
