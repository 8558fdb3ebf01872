"""Tables of imports."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import Moment, UserReference


class Import(db.Model):  # type: ignore[name-defined]
    """An uploaded file of ratings; ``report``: the fields of ``app.portability.imports.Report``."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UserReference] = mapped_column(index=True)
    imported_at: Mapped[Moment]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
