"""Tables of what users say and see."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import Flag, ItemKey, Moment, UserKey


class Rating(db.Model):  # type: ignore[name-defined]
    """A user's rating of an item; ``is_implicit``: they watched it, and it is the mean of others'.

    The last four are of the moment when the user first rated the item: the rating ``predicted`` by
    the release ``model_version``, the mean of the ``community``, and where the user came across the
    item (``via``, see ``app.feedback.ratings``).
    """

    __tablename__ = "ratings"
    __table_args__ = (
        Index("ix_ratings_user_id_rated_at", "user_id", "rated_at"),
        Index("ix_ratings_user_id_rating_rated_at", "user_id", "rating", "rated_at"),
    )

    user_id: Mapped[UserKey]
    item_id: Mapped[ItemKey]
    rating: Mapped[float]
    rated_at: Mapped[Moment]
    is_implicit: Mapped[Flag]
    predicted: Mapped[float | None]
    community: Mapped[float | None]
    model_version: Mapped[str | None] = mapped_column(String(64))
    via: Mapped[str | None] = mapped_column(String(16))


class ListEntry(db.Model):  # type: ignore[name-defined]
    """An item on a user's list; ``kind``: see ``app.feedback.user_lists``."""

    __tablename__ = "marks"

    user_id: Mapped[UserKey]
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    item_id: Mapped[ItemKey]
    marked_at: Mapped[Moment]


class Impression(db.Model):  # type: ignore[name-defined]
    """An item recommended to a user: when it was first shown, and at which place of the list.

    ``days``: on how many days (UTC) it was shown, the last time on ``last_day``, which is None for
    what an earlier version stored.
    """

    __tablename__ = "shown"

    user_id: Mapped[UserKey]
    item_id: Mapped[ItemKey]
    shown_at: Mapped[Moment]
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))
    days: Mapped[int] = mapped_column(default=1, server_default="1")
    last_day: Mapped[date | None] = mapped_column(Date)


class Visit(db.Model):  # type: ignore[name-defined]
    """A day (UTC) on which a user came."""

    __tablename__ = "visits"

    user_id: Mapped[UserKey]
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
