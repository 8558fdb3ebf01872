"""The items of the catalogue in the database: synced with a release, searched, looked up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, bindparam, exists, false, func, or_, select, true, update

from app.catalogue import item_statistics
from app.catalogue.availability import withdrawn, withdrawn_ids
from app.catalogue.current_titles import current_titles
from app.catalogue.editions import raise_edition
from app.catalogue.fact_files import LONGEST_DESCRIPTION
from app.catalogue.search_index import TitleIndex
from app.catalogue.title_merges import merge
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import FIRST_ID_WITHOUT_CATALOGUE, AddedTitle, CatalogueState, Item, SiteState
from recommender.catalogue import FIRST_ADDED_ITEM
from recommender.formats.titles import search_key
from recommender.item_facts import as_json
from recommender.popularity import vote_weighted
from recommender.storage.release import Release

BATCH = 1000
# SQLite takes 32,766 parameters in a statement, the others more.
MOST_PARAMETERS = 30_000
LONGEST_QUERY = 100
LONGEST_KEY = 255
# Columns of existing items that ``app.catalogue.item_statistics`` updates.
_STATISTICS = ("rating_count", "rating_mean")
# And one that the site's own table decides once it has the item.
_KEPT = (*_STATISTICS, "available")
NONE = false()
Row = TypeVar("Row")
# Built once: that takes longer than the database takes to answer.
_BY_ID = select(Item).where(Item.id.in_(bindparam("ids", expanding=True)))
_IDS = select(Item.id).where(Item.id.in_(bindparam("ids", expanding=True)))


@retry_on_conflict
def sync_catalogue(release: Release, again: bool = False) -> None:
    """Write the release's items to the database, unless that was done already.

    Items that the release lacks stay, since users may have rated them; so do titles that were added
    here, as they are. One that the release brings under another id is merged into that one.
    ``again``: do it anyway.
    """
    state = locked_state()
    if state.version == release.version and not again:
        db.session.rollback()
        return
    find_doubles = _finder_of_doubles()
    doubles: dict[int, int] = {}
    for batch in batches(_item_rows(release), BATCH):
        doubles |= find_doubles(batch)
        _write_changed(batch)
        _reserve_added_ids(state, batch[-1]["id"])
    for double, into in doubles.items():
        merge(double, into)
    item_statistics.refresh(release)
    state.version = release.version
    raise_edition()
    _reserve_user_ids(release.catalogue.max_user_id)  # last, since sign-ups wait for it
    db.session.commit()


def add_missing_titles(release: Release) -> None:
    """Add the items of a release that are not in the database; change none that are."""
    stored = set(db.session.scalars(select(Item.id)))
    rows = (row for row in _item_rows(release) if row["id"] not in stored)
    for batch in batches(rows, BATCH):
        upsert(Item, batch, keep=batch[0])
        raise_edition()
    db.session.commit()


def items_by_id(item_ids: Collection[int]) -> dict[int, Item]:
    """Return the items that exist, by id."""
    items: dict[int, Item] = {}
    for batch in batches(item_ids, MOST_PARAMETERS):
        items |= {item.id: item for item in db.session.scalars(_BY_ID, {"ids": batch})}
    return items


def items_in_order(item_ids: Sequence[int]) -> list[Item]:
    """Return the items that exist, in the order of the ids."""
    items = items_by_id(item_ids)
    return [items[item_id] for item_id in item_ids if item_id in items]


def existing_ids(item_ids: Collection[int]) -> set[int]:
    """Return those of the ids that exist."""
    existing: set[int] = set()
    for batch in batches(item_ids, MOST_PARAMETERS):
        existing.update(db.session.scalars(_IDS, {"ids": batch}))
    return existing


def search(query: str, limit: int, index: TitleIndex | None) -> list[Item]:
    """Return the items that have every word of ``query`` by their present names, the best match
    first.

    ``index``: of the release in service. Without one the most rated come first.
    """
    query = query[:LONGEST_QUERY]
    if index is None:
        return _search_in_database(query, limit)
    ids = current_titles(index).find(query, limit)
    items, left_out = items_by_id(ids), withdrawn_ids()
    return [items[item_id] for item_id in ids if item_id in items and item_id not in left_out]


def popular(
    limit: int, genre: str | None = None, left_out: ColumnElement[bool] = NONE
) -> list[Item]:
    """Return available items (of ``genre``) by their vote-weighted average, best first."""
    votes = Item.rating_count
    catalogue_mean = select(func.sum(Item.rating_mean * votes) / func.sum(votes)).scalar_subquery()
    weighted = vote_weighted(Item.rating_mean, votes, catalogue_mean)
    ranked = select(Item).where(votes > 0, Item.available, _is_of(genre), ~left_out)
    ranked = ranked.order_by(weighted.desc(), Item.id)
    return list(db.session.scalars(ranked.limit(limit)))


def most_rated(
    limit: int,
    genre: str | None = None,
    left_out: ColumnElement[bool] = NONE,
    offset: int = 0,
) -> list[Item]:
    """Return available items (of ``genre``) by number of ratings, the better rated first among
    equals."""
    ranked = select(Item).where(Item.rating_count > 0, Item.available, _is_of(genre), ~left_out)
    ranked = ranked.order_by(Item.rating_count.desc(), Item.rating_mean.desc(), Item.id)
    return list(db.session.scalars(ranked.limit(limit).offset(offset)))


def _is_of(genre: str | None) -> ColumnElement[bool]:
    """Match the genre in "Comedy|Drama"; None matches every item."""
    if genre is None:
        return true()
    return ("|" + Item.genres + "|").contains(f"|{genre}|", autoescape=True)


def _search_in_database(query: str, limit: int) -> list[Item]:
    words = search_key(query).split()
    if not words:
        return []
    is_withdrawn = exists().where(AddedTitle.item_id == Item.id, withdrawn())
    matching = select(Item).where(
        *(Item.search_key.contains(word, autoescape=True) for word in words), ~is_withdrawn
    )
    ranked = matching.order_by(Item.rating_count.desc(), Item.id)
    return list(db.session.scalars(ranked.limit(limit)))


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch


def _write_changed(rows: list[dict[str, Any]]) -> None:
    """Write the items that are new or differ from the stored ones.

    Titles that were added here stay as they are, also where the release has them. On MySQL a rating
    of an item that is written waits until the whole catalogue is synced.
    """
    added = existing_ids([row["id"] for row in rows if row["id"] >= FIRST_ADDED_ITEM])
    rows = [row for row in rows if row["id"] not in added]
    if not rows:
        return
    columns = [name for name in rows[0] if name not in _KEPT]
    stored = select(*(getattr(Item, name) for name in columns))
    stored = stored.where(Item.id.in_([row["id"] for row in rows]))
    unchanged = {tuple(title) for title in db.session.execute(stored)}
    new = [row for row in rows if tuple(row[name] for name in columns) not in unchanged]
    # A key that has changed hands would be there twice until both rows are written.
    if keys := [row["key"] for row in new if row["key"] is not None]:
        db.session.execute(update(Item).where(Item.key.in_(keys)).values(key=None))
    upsert(Item, new, keep=_KEPT)


def _finder_of_doubles() -> Callable[[list[dict[str, Any]]], dict[int, int]]:
    """Return a function that finds titles that were added here among rows of a release under
    another id, by IMDb's or TMDB's id or the key: their ids, and those of the rows."""
    columns = ("imdb_id", "tmdb_id", "key")
    added = select(AddedTitle.item_id, *(getattr(Item, name) for name in columns))
    added = added.join(Item, Item.id == AddedTitle.item_id)
    ids = {
        (name, row[place]): row.item_id
        for row in db.session.execute(added.where(AddedTitle.merged_into.is_(None)))
        for place, name in enumerate(columns, 1)
        if row[place] is not None
    }

    def find(rows: list[dict[str, Any]]) -> dict[int, int]:
        found = ((ids.get((name, row[name])), row["id"]) for row in rows for name in columns)
        return {double: into for double, into in found if double is not None and double != into}

    return find


def _reserve_added_ids(state: CatalogueState, taken: int) -> None:
    """Give no id to a title that is added here that the release gives already."""
    state.last_added_id = max(state.last_added_id, taken)


def locked_state() -> CatalogueState:
    """Return the catalogue's row, locked until the commit: one process syncs or adds titles at a
    time."""
    # An UPDATE, since SQLite has no other lock that a second process waits for.
    db.session.execute(update(CatalogueState).values(version=CatalogueState.version))
    return db.session.execute(select(CatalogueState)).scalar_one()


def _reserve_user_ids(taken: int) -> None:
    """Let sign-ups get ids above those of the data set."""
    last = SiteState.last_user_id
    lower = or_(last < taken, last == FIRST_ID_WITHOUT_CATALOGUE)
    db.session.execute(update(SiteState).where(lower).values(last_user_id=taken))


def _item_rows(release: Release) -> Iterator[dict[str, Any]]:
    arrays = release.arrays
    figures = zip(arrays.item_counts.tolist(), arrays.item_means.tolist(), strict=True)
    figures_by_id = dict(zip(arrays.item_ids.tolist(), figures, strict=True))
    for item in release.items():
        count, mean = figures_by_id.get(item.item_id, (0, None))
        yield {
            "id": item.item_id,
            "title": storable(item.title, 255),
            "year": item.year,
            "genres": storable("|".join(item.genres), 255),
            "imdb_id": storable(item.imdb_id, None),
            "tmdb_id": item.tmdb_id,
            "search_key": search_key(f"{item.title} {item.year or ''}")[:255],
            "rating_count": count,
            "rating_mean": mean,
            "description": storable(item.description, LONGEST_DESCRIPTION),
            "key": storable(item.key, LONGEST_KEY),
            "creators": storable("|".join(item.creators), 255),
            "image": storable(item.image, LONGEST_DESCRIPTION),
            "link": storable(item.link, LONGEST_DESCRIPTION),
            "facts": as_json(item.facts) if item.facts else None,
            "available": item.available,
        }


def storable(text: str | None, longest: int | None) -> str | None:
    """Shorten a text and remove NUL, which PostgreSQL does not store."""
    return text and text.replace("\0", "")[:longest]
