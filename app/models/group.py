"""Tables of group nights."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import Flag, Moment, UserKey


class Friendship(db.Model):  # type: ignore[name-defined]
    """A request of one user to another; once it is agreed, either may count the other in.

    ``user_shares`` and ``asked_shares``: whether that side agrees to compare tastes, which shows
    ratings; both must (``app.group.shared_tastes``).
    """

    __tablename__ = "companions"

    user_id: Mapped[UserKey]
    asked_id: Mapped[UserKey] = mapped_column(index=True)
    asked_at: Mapped[Moment]
    agreed_at: Mapped[Moment | None]
    user_shares: Mapped[Flag]
    asked_shares: Mapped[Flag]
