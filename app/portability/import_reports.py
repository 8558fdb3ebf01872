"""Reports of imports: the newest of each person, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from app.extensions import db
from app.models import Import

MOST_REPORTS = 20


def newest_reports(user_id: int, limit: int = MOST_REPORTS) -> Sequence[Import]:
    """Return a user's latest imports, newest first."""
    own = select(Import).where(Import.user_id == user_id)
    return db.session.scalars(own.order_by(Import.id.desc()).limit(limit)).all()


def delete_old_reports(user_id: int) -> None:
    """Delete all but the newest reports of a user. The caller commits."""
    own = select(Import.id).where(Import.user_id == user_id)
    oldest_kept = db.session.scalar(
        own.order_by(Import.id.desc()).offset(MOST_REPORTS - 1).limit(1)
    )
    if oldest_kept is not None:
        db.session.execute(delete(Import).where(Import.user_id == user_id, Import.id < oldest_kept))
