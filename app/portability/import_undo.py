"""Undo a whole import: what it changed becomes what it was, what was changed since stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from app.catalogue.added_titles import brought_by, remove_unused
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.feedback import user_lists
from app.feedback.user_lists import SEEN
from app.models import Import, ImportChange, ListEntry, OpenLine, Rating
from app.portability.changes import BATCH, BEFORE, RATING, RESTORED
from app.recommend.model_watcher import serving

Changes = Sequence[ImportChange]


@retry_on_conflict
def undo(user_id: int, import_id: int) -> int | None:
    """Undo an import; return the number of changes that stay, since something newer replaced them.

    None if it was undone already. Its lines that wait for a title are deleted, and so are titles
    that it brought and that nobody else uses.
    """
    # The update comes first: it makes a second request, and on SQLite every writer, wait.
    own = Import.id == import_id, Import.user_id == user_id, Import.undone_at.is_(None)
    marked = db.session.execute(update(Import).where(*own).values(undone_at=utcnow()))
    if not marked.rowcount:  # type: ignore[attr-defined]
        db.session.rollback()
        return None
    # Entries of the list of seen titles go first: a title that is still seen is not wanted.
    kinds = (RATING, SEEN, *(kind for kind in user_lists.KINDS if kind != SEEN))
    staying = sum(_undo_kind(user_id, import_id, kind) for kind in kinds)
    db.session.execute(delete(ImportChange).where(ImportChange.import_id == import_id))
    db.session.execute(delete(OpenLine).where(OpenLine.import_id == import_id))
    _remove_titles(import_id)
    db.session.commit()
    return staying


def _remove_titles(import_id: int) -> None:
    """Remove the titles that the import brought and nobody else uses, unless a release has them."""
    brought, model = brought_by(import_id), serving.model_or_none
    if brought and model is not None:
        rows = model.items.index.rows(brought)
        fitted = range(model.items.fitted)
        brought = [item_id for item_id, row in zip(brought, rows, strict=True) if row not in fitted]
    remove_unused(brought)


def _undo_kind(user_id: int, import_id: int, kind: str) -> int:
    staying, last = 0, -1
    while changes := _changes(import_id, kind, last):
        last = changes[-1].item_id
        if kind == RATING:
            staying += _undo_ratings(user_id, import_id, changes)
        else:
            staying += _undo_list(user_id, kind, changes)
    return staying


def _changes(import_id: int, kind: str, last: int) -> Changes:
    """Return the changes of items after ``last``, a batch."""
    own = select(ImportChange).where(
        ImportChange.import_id == import_id, ImportChange.kind == kind, ImportChange.item_id > last
    )
    return db.session.scalars(own.order_by(ImportChange.item_id).limit(BATCH)).all()


def _undo_ratings(user_id: int, import_id: int, changes: Changes) -> int:
    ids = [change.item_id for change in changes]
    of_these = Rating.user_id == user_id, Rating.item_id.in_(ids)
    columns = (Rating.item_id, Rating.rating, Rating.rated_at)
    stored = {
        item_id: (rating, at)
        for item_id, rating, at in db.session.execute(
            select(*columns).where(*of_these).with_for_update()
        )
    }
    ours = [c for c in changes if stored.get(c.item_id) == (c.rating_after, c.at_after)]
    new = [change.item_id for change in ours if change.at_before is None]
    db.session.execute(delete(Rating).where(Rating.user_id == user_id, Rating.item_id.in_(new)))
    upsert(Rating, [_rating_before(user_id, c) for c in ours if c.at_before is not None])
    replaced = [change for change in changes if change not in ours]
    _pass_on(user_id, import_id, replaced)
    return len(replaced)


def _rating_before(user_id: int, change: ImportChange) -> dict[str, Any]:
    restored = {name: getattr(change, name) for name in RESTORED}
    key = {"user_id": user_id, "item_id": change.item_id}
    return {**key, "rating": change.rating_before, "rated_at": change.at_before, **restored}


def _pass_on(user_id: int, import_id: int, changes: Changes) -> None:
    """Let later imports that replaced what this one stored restore what was there before it."""
    ours = {change.item_id: change for change in changes}
    later = (
        select(ImportChange)
        .join(Import, Import.id == ImportChange.import_id)
        .where(Import.user_id == user_id, Import.id > import_id)
        .where(ImportChange.kind == RATING, ImportChange.item_id.in_(ours))
    )
    for change in db.session.scalars(later):
        mine = ours[change.item_id]
        if (change.rating_before, change.at_before) == (mine.rating_after, mine.at_after):
            for name in BEFORE:
                setattr(change, name, getattr(mine, name))
    db.session.flush()


def _undo_list(user_id: int, kind: str, changes: Changes) -> int:
    ids = [change.item_id for change in changes]
    own = select(ListEntry.item_id, ListEntry.marked_at).where(
        ListEntry.user_id == user_id, ListEntry.kind == kind, ListEntry.item_id.in_(ids)
    )
    stored = dict(db.session.execute(own.with_for_update()).all())
    added = [c.item_id for c in changes if c.at_after and stored.get(c.item_id) == c.at_after]
    user_lists.remove(user_id, added, kind)
    seen = user_lists.listed_among(user_id, SEEN, ids)
    back = {
        change.item_id: change.at_before
        for change in changes
        if change.at_before and change.item_id not in seen | stored.keys()
    }
    user_lists.add(user_id, back, kind)
    return len(changes) - len(added) - len(back)
