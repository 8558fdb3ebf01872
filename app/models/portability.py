"""Tables of imports: their reports, what they changed, and lines that wait for a title."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import ItemKey, Moment, UserKey, UserReference


class Import(db.Model):  # type: ignore[name-defined]
    """An uploaded file; ``report``: the fields of ``app.portability.import_reports.Report``."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UserReference] = mapped_column(index=True)
    imported_at: Mapped[Moment]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    undone_at: Mapped[Moment | None]


class ImportChange(db.Model):  # type: ignore[name-defined]
    """What an import changed, so that it can be undone; deleted with the import.

    ``kind``: "rating", or the kind of a list. ``at_before`` and ``at_after``: the time of the
    rating or of the entry of the list before the import and after it, None where there was none.
    The last five are columns of the rating before.
    """

    __tablename__ = "import_changes"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    item_id: Mapped[ItemKey]
    at_before: Mapped[Moment | None]
    at_after: Mapped[Moment | None]
    rating_before: Mapped[float | None]
    rating_after: Mapped[float | None]
    is_implicit: Mapped[bool | None]
    predicted: Mapped[float | None]
    community: Mapped[float | None]
    model_version: Mapped[str | None] = mapped_column(String(64))
    via: Mapped[str | None] = mapped_column(String(16))


class OpenLine(db.Model):  # type: ignore[name-defined]
    """A line of a file that waits for a title that matches it, or for the person to decide.

    ``key``: a digest of ids, title and year. ``import_id``: the first import that had the line,
    None once its report is gone. ``mark``: see ``app.portability.entries``. ``catalogue_id``: the
    id that the file gives for our own catalogue. ``match_id``: the title of an UNDECIDED line.
    """

    __tablename__ = "open_lines"

    user_id: Mapped[UserKey]
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    import_id: Mapped[int | None] = mapped_column(
        ForeignKey("imports.id", ondelete="SET NULL"), index=True
    )
    line: Mapped[int]
    title: Mapped[str] = mapped_column(String(255))
    original_title: Mapped[str] = mapped_column(String(255))
    year: Mapped[int | None]
    catalogue_id: Mapped[int | None]
    imdb_id: Mapped[str | None] = mapped_column(String(16))
    tmdb_id: Mapped[int | None]
    mark: Mapped[str] = mapped_column(String(16))
    rating: Mapped[float | None]
    at: Mapped[Moment | None]
    match_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"), index=True)
