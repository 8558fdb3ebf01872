"""The tables."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, date, datetime
from typing import Any

from flask_login import UserMixin
from sqlalchemy import (
    JSON,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from app.db.clock import utcnow
from app.extensions import db

# Sign-ups before any catalogue is known start here, above the user ids of every data set.
FIRST_ID_WITHOUT_CATALOGUE = 1_000_000_000
PERSON, OWNER = ROLES = ("person", "owner")
# At once in a process: each hash takes 32 MB of memory and all of a core.
MOST_HASHES = 2
hashing = threading.BoundedSemaphore(MOST_HASHES)


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

    ``username_key`` and ``email`` are folded to one case: no two names differ by case alone.
    ``username_key``: see ``app.accounts.identifiers.unique_key``; older accounts have the folded
    name.
    Several accounts may give one address, so that no answer has to say whether it is known here; it
    counts for those alone that confirmed it (``email_confirmed_at``).
    ``session_key`` is in every login cookie: changing it ends every session of the account.
    ``role`` is "person" or "owner". ``reset_asked_at``: when a reset link was mailed last.
    ``from_data_set``: came with ``flask import-ratings``; the others' ids are their own for good.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(String(64))
    username_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    email_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    session_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    role: Mapped[str] = mapped_column(String(16), default="person", server_default="person")
    reset_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gender: Mapped[str | None] = mapped_column(String(16))
    year_of_birth: Mapped[int | None]
    from_data_set: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def is_owner(self) -> bool:
        return self.role == OWNER

    def set_password(self, password: str) -> None:
        with hashing:
            self.password_hash = generate_password_hash(password, method="scrypt")
        self.end_logins()

    def end_logins(self) -> None:
        self.session_key = secrets.token_urlsafe(32)

    def has_password(self, password: str) -> bool:
        with hashing:
            return check_password_hash(self.password_hash or "", password)

    def get_id(self) -> str:
        """What Flask-Login keeps of a login in the session: see ``app.accounts.login_sessions``."""
        return f"{self.session_key}.{secrets.token_urlsafe(16)}.{int(utcnow().timestamp())}"


class Item(db.Model):  # type: ignore[name-defined]
    """A title of the catalogue, brought from the release by ``sync_catalogue``.

    ``genres`` as in "Comedy|Drama". ``search_key``: see ``recommender.formats.titles``.
    ``rating_count`` and ``rating_mean``: see ``app.catalogue.item_statistics``. ``poster_path`` is
    TMDB's name for the picture: None until asked for, "" where TMDB has none.
    """

    __tablename__ = "items"
    __table_args__ = (Index("ix_items_rating_count_rating_mean", "rating_count", "rating_mean"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(255))
    year: Mapped[int | None]
    genres: Mapped[str] = mapped_column(String(255), default="")
    imdb_id: Mapped[str | None] = mapped_column(String(16))
    tmdb_id: Mapped[int | None]
    search_key: Mapped[str] = mapped_column(String(255))
    rating_count: Mapped[int] = mapped_column(default=0)
    rating_mean: Mapped[float | None]
    poster_path: Mapped[str | None] = mapped_column(String(64))
    description: Mapped[str | None] = mapped_column(Text)

    @property
    def genre_list(self) -> list[str]:
        return self.genres.split("|") if self.genres else []

    @property
    def full_title(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class Rating(db.Model):  # type: ignore[name-defined]
    """What one person says of one title; there is one, by constraint.

    ``is_implicit``: the person watched the title, and the rating is what others say of it.
    The last four say how things stood when the person first rated the title: ``predicted`` stars
    and the ``community`` average of that moment, the release that predicted (``model_version``),
    and where the person found the title (``via``, see ``app.feedback.ratings``).
    """

    __tablename__ = "ratings"
    __table_args__ = (
        Index("ix_ratings_user_id_rated_at", "user_id", "rated_at"),
        Index("ix_ratings_user_id_rating_rated_at", "user_id", "rating", "rated_at"),
    )

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    rating: Mapped[float]
    rated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_implicit: Mapped[bool] = mapped_column(default=False, server_default=false())
    predicted: Mapped[float | None]
    community: Mapped[float | None]
    model_version: Mapped[str | None] = mapped_column(String(64))
    via: Mapped[str | None] = mapped_column(String(16))


class ListEntry(db.Model):  # type: ignore[name-defined]
    """What a person set aside a title as: ``kind`` is "watchlist", "hidden" or "unseen"."""

    __tablename__ = "marks"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Impression(db.Model):  # type: ignore[name-defined]
    """A title that was recommended to a person: once, when it was first shown, at which place."""

    __tablename__ = "shown"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime)
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))


class Experiment(db.Model):  # type: ignore[name-defined]
    """Two arms, each as ``app.recommend.variants.Arm`` reads it; a ``share`` gets the treatment.

    ``is_running`` is True or None, never False: of all that are not None there is one, by
    constraint.
    """

    __tablename__ = "experiments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    control: Mapped[str] = mapped_column(String(255))
    treatment: Mapped[str] = mapped_column(String(255))
    share: Mapped[float]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_running: Mapped[bool | None] = mapped_column(unique=True)


class Exposure(db.Model):  # type: ignore[name-defined]
    """A title that an arm recommended to a person: once, when it first did in that experiment.

    ``Impression`` cannot say it: most of what the control recommends was shown before the
    experiment began, of the treatment's less. Were only new impressions counted, the variants would
    be judged unlike.
    """

    __tablename__ = "exposures"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    arm: Mapped[str] = mapped_column(String(16))
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime)
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))


class Visit(db.Model):  # type: ignore[name-defined]
    """A day on which a person came, by the clock of UTC."""

    __tablename__ = "visits"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)


class Import(db.Model):  # type: ignore[name-defined]
    """An uploaded file of ratings and its result; ``report``: the fields of
    ``app.portability.imports.Report``."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class Friendship(db.Model):  # type: ignore[name-defined]
    """Two people of whom one asked the other to group nights; ``agreed_at`` once they agreed.

    From then on either may count the other in.
    """

    __tablename__ = "companions"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    asked_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Token(db.Model):  # type: ignore[name-defined]
    """What a REST client shows: for anyone where ``user_id`` is None, else for that person alone.

    ``digest`` is the SHA-256 of the secret, which nobody keeps. ``last_used_at`` is exact to a few
    minutes.
    """

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Attempt(db.Model):  # type: ignore[name-defined]
    """A try that is limited. ``key``: a keyed hash of what is counted and whose, since people type
    passwords where names belong. Kept no longer than the longest limit looks back."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class EndedLogin(db.Model):  # type: ignore[name-defined]
    """A login that someone ended: its own part of the cookie (see ``app.accounts.login_sessions``).
    Kept as long as the cookie would have been good."""

    __tablename__ = "ended_logins"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SiteState(db.Model):  # type: ignore[name-defined]
    """The site's own facts, one row.

    ``last_user_id`` is the highest user id ever given, so that no id is given twice, not even after
    its account was deleted.
    ``has_data_set``: a data set's ratings were imported, so that the database holds all there are.
    ``statistics_at``: when a process last took on to refresh the titles' statistics.
    """

    __tablename__ = "site_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_user_id: Mapped[int]
    has_data_set: Mapped[bool] = mapped_column(default=False, server_default=false())
    statistics_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CatalogueState(db.Model):  # type: ignore[name-defined]
    """One row: ``version`` is the release that the items came from.

    Whoever brings a release's titles locks it for as long as that takes, which may be many seconds;
    ``SiteState``, to which every sign-up writes, stays free meanwhile.
    """

    __tablename__ = "catalogue_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str | None] = mapped_column(String(64))
