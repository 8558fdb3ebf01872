"""The tables."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from flask_login import UserMixin
from sqlalchemy import DateTime, Dialect, ForeignKey, Index, String, TypeDecorator
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from app.clock import utcnow
from app.extensions import db

# Sign-ups before any catalogue is known start here, above the user ids of every data set.
FIRST_ID_WITHOUT_CATALOGUE = 1_000_000_000


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC to the microsecond in every database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        precise = mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else DateTime()
        return dialect.type_descriptor(precise)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class User(UserMixin, db.Model):  # type: ignore[name-defined]
    """A person. Those who came with a data set have an id and ratings, but no name to log in by.

    ``username_key`` and ``email`` are folded to one case: no two people differ by case alone.
    ``session_key`` is what a login cookie holds: changing it ends every session of the account.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(String(64))
    username_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    session_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    def set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password, method="scrypt")
        self.session_key = secrets.token_urlsafe(32)

    def has_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash or "", password)

    def get_id(self) -> str:
        """What Flask-Login keeps in the session."""
        return self.session_key or ""


class Item(db.Model):  # type: ignore[name-defined]
    """A title of the catalogue, brought from the release by ``sync_catalogue``.

    ``genres`` as in "Comedy|Drama". ``search_key``: see ``recommender.titles``. The statistics are
    those of the ratings that the release was fitted on.
    """

    __tablename__ = "items"
    __table_args__ = (Index("ix_items_rating_count", "rating_count"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(255))
    year: Mapped[int | None]
    genres: Mapped[str] = mapped_column(String(255), default="")
    imdb_id: Mapped[str | None] = mapped_column(String(16))
    tmdb_id: Mapped[int | None]
    search_key: Mapped[str] = mapped_column(String(255))
    rating_count: Mapped[int] = mapped_column(default=0)
    rating_mean: Mapped[float | None]

    @property
    def genre_list(self) -> list[str]:
        return self.genres.split("|") if self.genres else []

    @property
    def full_title(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class Rating(db.Model):  # type: ignore[name-defined]
    """What one person says of one title; there is one, by constraint."""

    __tablename__ = "ratings"
    __table_args__ = (Index("ix_ratings_user_id_rated_at", "user_id", "rated_at"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    rating: Mapped[float]
    rated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SiteState(db.Model):  # type: ignore[name-defined]
    """The site's own facts, one row.

    ``last_user_id`` is the highest user id ever given, so that no id is given twice, not even after
    its account was deleted. ``catalogue_version`` is the release that the items came from.
    """

    __tablename__ = "site_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_user_id: Mapped[int]
    catalogue_version: Mapped[str | None] = mapped_column(String(64))
