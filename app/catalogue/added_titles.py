"""Titles that are added between two trainings: by the owner, by programs, by what people bring.

An added title is an ordinary row of ``items`` with an id from FIRST_ADDED_ITEM on, and a row of
``added_titles`` that says where it came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, exists, func, insert, select, update

from app.catalogue.availability import withdrawn
from app.catalogue.editions import raise_edition
from app.catalogue.items import BATCH, batches, locked_state
from app.catalogue.title_merges import NotMerged, merge
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import (
    AddedTitle,
    CatalogueState,
    Exposure,
    ImportChange,
    Impression,
    Item,
    ListEntry,
    OpenLine,
    Rating,
)
from recommender.errors import DataError
from recommender.formats.titles import search_key

# Who added a title.
OWNER, API, IMPORT = ("owner", "api", "import")
# Facts by which a title is found that is here already: no two titles share one.
IDS = ("imdb_id", "tmdb_id", "key")


@dataclass(frozen=True)
class NewTitle:
    """The facts of a title to add, as columns of ``Item``."""

    title: str
    year: int | None = None
    genres: str = ""
    creators: str = ""
    imdb_id: str | None = None
    tmdb_id: int | None = None
    key: str | None = None
    description: str | None = None
    image: str | None = None
    link: str | None = None

    @property
    def search_key(self) -> str:
        return search_key(f"{self.title} {self.year or ''}")[:255]


@dataclass(frozen=True)
class Origin:
    """Where titles come from: a user, one of OWNER, API and IMPORT, and the import."""

    via: str
    user_id: int | None = None
    import_id: int | None = None


class TakenId(DataError):
    """An id of a title to add belongs to another title; ``place``: of it among those to add."""

    def __init__(self, place: int, message: str):
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class Added:
    """``item_ids``: of the titles, in their order, of those in ``taken`` none, since an id of
    theirs belongs to another title. ``new``: the ids of those that were not here."""

    item_ids: list[int | None]
    new: set[int]
    taken: dict[int, TakenId]


@retry_on_conflict
def add_title(title: NewTitle, origin: Origin) -> tuple[Item, bool]:
    """Add a title unless it is here; return its item, and whether it is new. Raises TakenId."""
    added = add([title], origin)
    if added.taken:
        db.session.rollback()
        raise added.taken[0]
    db.session.commit()
    return db.session.get_one(Item, added.item_ids[0]), bool(added.new)


def add(titles: Sequence[NewTitle], origin: Origin) -> Added:
    """Add titles, but those that are here already, by one of IDS. The caller commits.

    Locks the catalogue's row until then, so that a title that two people add at one moment is added
    once.
    """
    locked_state()
    added = Added([], set(), {})
    for batch in batches(titles, BATCH):
        _add_batch(batch, origin, added)
    if added.new:
        raise_edition()
    return added


def _add_batch(titles: Sequence[NewTitle], origin: Origin, added: Added) -> None:
    known, rows = _Known(titles), []
    next_id = db.session.scalars(select(CatalogueState.last_added_id)).one() + 1
    for title in titles:
        place = len(added.item_ids)
        try:
            item_id = known.find(title, place)
        except TakenId as problem:
            added.taken[place] = problem
            added.item_ids.append(None)
            continue
        if item_id is None:
            item_id, next_id = next_id, next_id + 1
            rows.append({"id": item_id, "search_key": title.search_key, **vars(title)})
            known.note(item_id, item_id, title)
            added.new.add(item_id)
        added.item_ids.append(item_id)
    if rows:
        db.session.execute(update(CatalogueState).values(last_added_id=next_id - 1))
        # Into tables: by their classes it takes twice as long.
        items, added_titles = cast("list[Table]", [Item.__table__, AddedTitle.__table__])
        db.session.execute(insert(items), rows)
        by: dict[str, Any] = {"added_at": utcnow(), "added_by": origin.user_id, "via": origin.via}
        by["import_id"] = origin.import_id
        db.session.execute(insert(added_titles), [{**by, "item_id": row["id"]} for row in rows])


class _Known:
    """The items that have one of the ids of titles to add, by (name, value) of each id."""

    def __init__(self, titles: Sequence[NewTitle]):
        self._found: dict[tuple[str, Any], list[tuple[int, Any]]] = defaultdict(list)
        columns = (Item.id, AddedTitle.merged_into, *(getattr(Item, name) for name in IDS))
        stored = select(*columns).outerjoin(AddedTitle, AddedTitle.item_id == Item.id)
        seen: set[int] = set()
        for name in IDS:
            if values := {getattr(t, name) for t in titles} - {None}:
                having = stored.where(getattr(Item, name).in_(values)).order_by(Item.id)
                for row in db.session.execute(having):
                    if row.id not in seen:
                        seen.add(row.id)
                        self.note(row.id, row.merged_into or row.id, row)

    def note(self, item_id: int, into: int, facts: Any) -> None:
        """Note the ids of an item; ``into``: the item that it was merged into, or itself."""
        for name in IDS:
            if (value := getattr(facts, name)) is not None:
                self._found[name, value].append((into, facts))

    def find(self, title: NewTitle, place: int) -> int | None:
        """Return the item that a title is, None if it is new. Raises TakenId."""
        ids = {name: value for name in IDS if (value := getattr(title, name)) is not None}
        having = [found for pair in ids.items() if (found := self._found.get(pair))]
        fitting = {into for found in having for into, facts in found if not _differs(ids, facts)}
        # Each id that is known is that of the one title.
        is_one = len(fitting) == 1 and all(fitting & {into for into, _ in f} for f in having)
        if having and not is_one:
            shown = ", ".join(f"{name} {value}" for name, value in ids.items())
            others = ", ".join(sorted({str(into) for found in having for into, _ in found}))
            raise TakenId(
                place,
                f"{title.title[:60]!r} has the ids {shown}, which belong to another title here"
                f" ({others}); correct the ids, or leave out the wrong one",
            )
        return next(iter(fitting), None)


def _differs(ids: Mapping[str, Any], facts: Any) -> bool:
    return any(getattr(facts, name) not in (None, value) for name, value in ids.items())


def same_names(titles: Iterable[NewTitle]) -> int:
    """Return how many of these titles, which are here, have the name and year of another item."""
    total = 0
    for batch in batches(titles, BATCH):
        keys = [title.search_key for title in batch]
        counted = select(Item.search_key).where(Item.search_key.in_(keys))
        several = counted.group_by(Item.search_key).having(func.count() > 1)
        total += sum(key in set(keys) for key in db.session.scalars(several))
    return total


@retry_on_conflict
def merge_title(double: int, into: int) -> int:
    """Merge an added title into another item, at once. Raises NotMerged."""
    locked_state()
    try:
        target = merge(double, into)
    except NotMerged:
        db.session.rollback()
        raise
    db.session.commit()
    return target


@retry_on_conflict
def hide(item_id: int, is_hidden: bool) -> bool:
    """Take an added title off every list and out of the search, or put it back.

    Its ratings stay. Return False if it was not added here, or is merged.
    """
    locked_state()
    added = db.session.get(AddedTitle, item_id)
    if added is None or added.merged_into is not None:
        db.session.rollback()
        return False
    added.hidden_at = utcnow() if is_hidden else None
    db.session.execute(update(Item).where(Item.id == item_id).values(available=not is_hidden))
    raise_edition()
    db.session.commit()
    return True


def brought_by(import_id: int) -> list[int]:
    """Return the ids of the titles that an import brought."""
    return list(
        db.session.scalars(select(AddedTitle.item_id).where(AddedTitle.import_id == import_id))
    )


def remove_unused(item_ids: Collection[int]) -> int:
    """Remove those of these added titles that nobody rated, listed or imported; return how many.

    The caller commits.
    """
    removed = 0
    for ids in batches(item_ids, BATCH):
        models: tuple[Any, ...] = (Rating, ListEntry, ImportChange)
        used = [exists().where(model.item_id == AddedTitle.item_id) for model in models]
        waiting = exists().where(OpenLine.match_id == AddedTitle.item_id)
        other = select(AddedTitle.merged_into).where(AddedTitle.merged_into.is_not(None))
        unused = select(AddedTitle.item_id).where(
            AddedTitle.item_id.in_(ids),
            ~withdrawn(),
            *(~each for each in (*used, waiting)),
            AddedTitle.item_id.not_in(other),
        )
        gone = list(db.session.scalars(unused))
        tables: tuple[Any, ...] = (Impression, Exposure, AddedTitle)
        for model in tables:
            db.session.execute(delete(model).where(model.item_id.in_(gone)))
        db.session.execute(delete(Item).where(Item.id.in_(gone)))
        removed += len(gone)
    if removed:
        raise_edition()
    return removed
