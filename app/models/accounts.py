"""Tables of accounts: users, tokens, logins."""

from __future__ import annotations

import secrets
import threading

from flask_login import UserMixin
from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from app.db.clock import utcnow
from app.extensions import db
from app.models.columns import Flag, Moment, UserKey, UserReference

# Ids of users who register before there is a catalogue start here, above those of every data set.
FIRST_ID_WITHOUT_CATALOGUE = 1_000_000_000
PERSON, OWNER = ROLES = ("person", "owner")
# Hashes computed at once in a process: each takes 32 MB of memory and all of a core.
MOST_HASHES = 2
hashing = threading.BoundedSemaphore(MOST_HASHES)


class User(UserMixin, db.Model):  # type: ignore[name-defined]
    """A user; those who came with a data set have an id and ratings, but cannot log in.

    ``username_key``: see ``app.accounts.identifiers.unique_key``; for older accounts: folded name.
    ``email``: folded. Several accounts may have the same address, so that no answer reveals whether
    it is registered; it counts only for those that confirmed it (``email_confirmed_at``).
    ``session_key``: in every login cookie; changing it ends every session of the account.
    ``from_data_set``: came with ``flask import-ratings``; ids of other users are never reused.
    ``key``: the id of such a user in the catalogue's own tables.
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
    key: Mapped[str | None] = mapped_column(String(255), unique=True)

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


class Feed(db.Model):  # type: ignore[name-defined]
    """The secret address of a user's feed of recommendations. ``digest``: SHA-256 of its token."""

    __tablename__ = "feeds"

    user_id: Mapped[UserKey]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Moment]


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
