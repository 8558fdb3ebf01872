"""The catalogue in the database: brought from the release, searched, looked up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import func, select

from app.extensions import db
from app.models import FIRST_ID_WITHOUT_CATALOGUE, Item, SiteState
from app.upsert import upsert
from recommender.factors import UNKNOWN, ItemRows
from recommender.release import Release
from recommender.titles import search_key

BATCH = 1000
LONGEST_QUERY = 100
# A title's average counts for as much as this many votes at the catalogue's average.
PRIOR_VOTES = 25


def sync_catalogue(release: Release, again: bool = False) -> None:
    """Bring the release's titles into the database, unless that was done already.

    Titles that the release lacks stay, since people may have rated them. ``again``: do it anyway.
    """
    state = _locked_state()
    if state.catalogue_version == release.version and not again:
        db.session.rollback()
        return
    rows = _item_rows(release)
    while batch := list(islice(rows, BATCH)):
        upsert(Item, batch)
    taken = release.catalogue.max_user_id
    if state.last_user_id != FIRST_ID_WITHOUT_CATALOGUE:
        taken = max(taken, state.last_user_id)
    state.last_user_id = taken
    state.catalogue_version = release.version
    db.session.commit()


def items_by_id(item_ids: Collection[int]) -> dict[int, Item]:
    """The titles with those ids that there are."""
    found = db.session.scalars(select(Item).where(Item.id.in_(item_ids)))
    return {item.id: item for item in found}


def search(query: str, limit: int) -> list[Item]:
    """Titles that have every word of ``query``, in any order; most rated first."""
    words = search_key(query[:LONGEST_QUERY]).split()
    if not words:
        return []
    matching = select(Item).where(
        *(Item.search_key.contains(word, autoescape=True) for word in words)
    )
    return list(
        db.session.scalars(matching.order_by(Item.rating_count.desc(), Item.id).limit(limit))
    )


def popular(limit: int) -> list[Item]:
    """Titles by their vote-weighted average: ``(Σ ratings + m·μ) / (n + m)``, best first."""
    votes = Item.rating_count
    catalogue_mean = select(func.sum(Item.rating_mean * votes) / func.sum(votes)).scalar_subquery()
    weighted = (Item.rating_mean * votes + PRIOR_VOTES * catalogue_mean) / (votes + PRIOR_VOTES)
    ranked = select(Item).where(votes > 0).order_by(weighted.desc(), Item.id)
    return list(db.session.scalars(ranked.limit(limit)))


def _locked_state() -> SiteState:
    """The site's row, locked till the transaction ends, so that one process syncs at a time."""
    return db.session.execute(select(SiteState).with_for_update()).scalar_one()


def _item_rows(release: Release) -> Iterator[dict[str, Any]]:
    arrays, item_rows = release.arrays, ItemRows(release.arrays.item_ids)
    for item in release.items():
        row = int(item_rows.rows([item.item_id])[0])
        rated = row != UNKNOWN
        yield {
            "id": item.item_id,
            "title": item.title[:255],
            "year": item.year,
            "genres": "|".join(item.genres)[:255],
            "imdb_id": item.imdb_id,
            "tmdb_id": item.tmdb_id,
            "search_key": search_key(f"{item.title} {item.year or ''}")[:255],
            "rating_count": int(arrays.item_counts[row]) if rated else 0,
            "rating_mean": float(arrays.item_means[row]) if rated else None,
        }
