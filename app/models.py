"""The tables."""

from __future__ import annotations

import secrets
import threading
from datetime import date, datetime
from typing import Annotated, Any

from flask_login import UserMixin
from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from app.db.clock import utcnow
from app.db.types import UtcDateTime
from app.extensions import db

# Ids of users who register before there is a catalogue start here, above those of every data set.
FIRST_ID_WITHOUT_CATALOGUE = 1_000_000_000
PERSON, OWNER = ROLES = ("person", "owner")
# Hashes computed at once in a process: each takes 32 MB of memory and all of a core.
MOST_HASHES = 2
hashing = threading.BoundedSemaphore(MOST_HASHES)

# Column types that several tables share.
Moment = Annotated[datetime, mapped_column(UtcDateTime)]
Flag = Annotated[bool, mapped_column(default=False, server_default=false())]
UserReference = Annotated[int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"))]
UserKey = Annotated[
    int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
]
ItemKey = Annotated[int, mapped_column(ForeignKey("items.id"), primary_key=True, index=True)]


class User(UserMixin, db.Model):  # type: ignore[name-defined]
    """A user; those who came with a data set have an id and ratings, but cannot log in.

    ``username_key``: see ``app.accounts.identifiers.unique_key``; for older accounts: folded name.
    ``email``: folded. Several accounts may have the same address, so that no answer reveals whether
    it is registered; it counts only for those that confirmed it (``email_confirmed_at``).
    ``session_key``: in every login cookie; changing it ends every session of the account.
    ``from_data_set``: came with ``flask import-ratings``; ids of other users are never reused.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(String(64))
    username_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    email_confirmed_at: Mapped[Moment | None]
    password_hash: Mapped[str | None] = mapped_column(String(255))
    session_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[Moment] = mapped_column(default=utcnow)
    role: Mapped[str] = mapped_column(String(16), default=PERSON, server_default=PERSON)
    reset_asked_at: Mapped[Moment | None]
    gender: Mapped[str | None] = mapped_column(String(16))
    year_of_birth: Mapped[int | None]
    from_data_set: Mapped[Flag]

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
        """Return the id that Flask-Login stores: see ``app.accounts.login_sessions``."""
        return f"{self.session_key}.{secrets.token_urlsafe(16)}.{int(utcnow().timestamp())}"


class Item(db.Model):  # type: ignore[name-defined]
    """An item of the catalogue, copied from the release by ``sync_catalogue``.

    ``genres``: as in "Comedy|Drama". ``search_key``: see ``recommender.formats.titles``.
    ``rating_count`` and ``rating_mean``: see ``app.catalogue.item_statistics``. ``poster_path``:
    TMDB's name of the poster; None until TMDB was asked, "" if it has none.
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
    """An item on a user's list; ``kind`` is "watchlist", "hidden" or "unseen"."""

    __tablename__ = "marks"

    user_id: Mapped[UserKey]
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    item_id: Mapped[ItemKey]
    marked_at: Mapped[Moment]


class Impression(db.Model):  # type: ignore[name-defined]
    """An item recommended to a user: when it was first shown, and at which place of the list."""

    __tablename__ = "shown"

    user_id: Mapped[UserKey]
    item_id: Mapped[ItemKey]
    shown_at: Mapped[Moment]
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))


class Experiment(db.Model):  # type: ignore[name-defined]
    """Two variants as text (``app.recommend.variants.Variant``); a ``share`` gets the treatment.

    ``is_running`` is True or None, never False: unique, so that at most one experiment is running.
    """

    __tablename__ = "experiments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    control: Mapped[str] = mapped_column(String(255))
    treatment: Mapped[str] = mapped_column(String(255))
    share: Mapped[float]
    started_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    is_running: Mapped[bool | None] = mapped_column(unique=True)


class Exposure(db.Model):  # type: ignore[name-defined]
    """An item that a variant recommended to a user: when it first did so in the experiment.

    Impressions would compare unfairly: most of what the control recommends was shown before the
    experiment began, and less of what the treatment does.
    """

    __tablename__ = "exposures"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UserKey] = mapped_column(index=True)
    item_id: Mapped[ItemKey]
    arm: Mapped[str] = mapped_column(String(16))
    shown_at: Mapped[Moment]
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))


class Visit(db.Model):  # type: ignore[name-defined]
    """A day (UTC) on which a user came."""

    __tablename__ = "visits"

    user_id: Mapped[UserKey]
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)


class Import(db.Model):  # type: ignore[name-defined]
    """An uploaded file of ratings; ``report``: the fields of ``app.portability.imports.Report``."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UserReference] = mapped_column(index=True)
    imported_at: Mapped[Moment]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class Friendship(db.Model):  # type: ignore[name-defined]
    """A request of one user to another; once it is agreed, either may count the other in."""

    __tablename__ = "companions"

    user_id: Mapped[UserKey]
    asked_id: Mapped[UserKey] = mapped_column(index=True)
    asked_at: Mapped[Moment]
    agreed_at: Mapped[Moment | None]


class Token(db.Model):  # type: ignore[name-defined]
    """A token of REST clients, for the user ``user_id`` or, if that is None, for all users.

    ``digest``: SHA-256 of the secret, which is not stored. ``last_used_at``: to a few minutes.
    """

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UserReference | None] = mapped_column(index=True)
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]


class Attempt(db.Model):  # type: ignore[name-defined]
    """A limited attempt, stored for as long as the longest limit looks back. ``key``: a keyed hash
    of limit and subject, since people type passwords where names belong."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[Moment] = mapped_column(index=True)


class EndedLogin(db.Model):  # type: ignore[name-defined]
    """A login that was ended, by its name in the cookie (``app.accounts.login_sessions``).
    Stored for as long as the cookie would have been valid."""

    __tablename__ = "ended_logins"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ended_at: Mapped[Moment] = mapped_column(index=True)


class SiteState(db.Model):  # type: ignore[name-defined]
    """State of the site; one row.

    ``last_user_id``: the highest user id ever given, so that none is given twice, even after its
    account was deleted. ``has_data_set``: a data set's ratings were imported, so that the database
    holds all ratings. ``statistics_at``: when a process last began to refresh item statistics.
    """

    __tablename__ = "site_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_user_id: Mapped[int]
    has_data_set: Mapped[Flag]
    statistics_at: Mapped[Moment | None]


class CatalogueState(db.Model):  # type: ignore[name-defined]
    """One row: ``version`` is the release that the items came from.

    Adding a release's items locks it, for many seconds; ``SiteState``, which every registration
    updates, stays unlocked meanwhile.
    """

    __tablename__ = "catalogue_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str | None] = mapped_column(String(64))
