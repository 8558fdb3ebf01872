"""What a process keeps of the items table until it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import current_app, g, has_request_context
from sqlalchemy import select, update

from app.extensions import db
from app.models import CatalogueState

Kept = TypeVar("Kept")


def current_edition() -> int:
    """Return the edition of the items table, the same one for a whole request."""
    if "edition" in g:
        known: int = g.edition
        return known
    edition = db.session.scalar(select(CatalogueState.edition)) or 0
    note_edition(edition)
    return edition


def note_edition(edition: int) -> None:
    """Let the request have this edition, which another statement has brought, unless it has one."""
    if has_request_context():
        g.setdefault("edition", edition)


def of_edition(name: str, load: Callable[[], Kept], of: object = None) -> Kept:
    """Return what ``load`` made of the present edition, and of ``of``; a process makes it once.

    Raises what ``load`` raises, with nothing kept.
    """
    kept = current_app.extensions.setdefault("editions", {})
    edition = current_edition()
    entry = kept.get(name)
    if entry is None or entry[0] != edition or entry[1] is not of:
        entry = edition, of, load()
        kept[name] = entry
    value: Kept = entry[2]
    return value


def raise_edition() -> None:
    """Let every process read anew which items there are. The caller commits."""
    db.session.execute(update(CatalogueState).values(edition=CatalogueState.edition + 1))
