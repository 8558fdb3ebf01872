"""Limit attempts: wrong passwords, registrations, mails, imports.

Attempts are counted in the database, for all processes and beyond restarts. An attempt is recorded
before its outcome is known, so that parallel ones cannot exceed the limit. Successful attempts are
cancelled; rejected ones do not count, so that every wait ends.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil

from flask import current_app, request
from limits import RateLimitItem, parse_many
from sqlalchemy import delete, select
from werkzeug.exceptions import TooManyRequests

from app.db.clock import is_recent, utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import Attempt

PASSWORDS, PASSWORDS_ADDRESS = "RATELIMIT_PASSWORDS", "RATELIMIT_PASSWORDS_ADDRESS"
ACCOUNTS = "RATELIMIT_ACCOUNTS"
MAIL, MAIL_ADDRESS = "RATELIMIT_RESET_MAIL", "RATELIMIT_RESET_MAIL_ADDRESS"
IMPORTS = "RATELIMIT_IMPORTS"
LIMITS = (PASSWORDS, PASSWORDS_ADDRESS, ACCOUNTS, MAIL, MAIL_ADDRESS, IMPORTS)


def record_attempts(*counted: tuple[str, str]) -> Sequence[int]:
    """Record an attempt under each (limit, subject); return the ids that ``cancel`` deletes.

    Raises TooManyRequests with ``retry_after`` if one of the limits is reached.
    """
    if not current_app.config["RATELIMIT_ENABLED"]:
        return ()
    now = utcnow()
    ids = _store([_key(*limited) for limited in counted], now)
    waits = [
        _wait(_key(limit, subject), rate, ids, now)
        for limit, subject in counted
        for rate in _rates(limit)
    ]
    if (longest := max(waits)) > timedelta():
        cancel(ids)
        raise TooManyRequests(retry_after=ceil(longest.total_seconds()))
    return ids


@retry_on_conflict
def cancel(ids: Sequence[int]) -> None:
    """Delete attempts, so that they do not count."""
    db.session.execute(delete(Attempt).where(Attempt.id.in_(ids)))
    db.session.commit()


def caller() -> str:
    """Return the caller's IP address; for IPv6 the /64 network, which belongs to one caller."""
    shown = request.remote_addr or ""
    try:
        address = ip_address(shown)
    except ValueError:  # a Unix socket
        return shown
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(getattr(address, "ipv4_mapped", None) or address)


@retry_on_conflict
def _store(keys: Sequence[str], now: datetime) -> Sequence[int]:
    """Store attempts and return their ids; delete those that are too old for every limit."""
    longest = max(_span(rate) for limit in LIMITS for rate in _rates(limit))
    db.session.execute(delete(Attempt).where(Attempt.at < now - longest))
    attempts = [Attempt(key=key, at=now) for key in keys]
    db.session.add_all(attempts)
    db.session.flush()
    ids = [attempt.id for attempt in attempts]
    db.session.commit()
    return ids


def _wait(key: str, rate: RateLimitItem, ids: Sequence[int], now: datetime) -> timedelta:
    """Return the time until another attempt is within ``rate``; zero or less if it is already."""
    recent = is_recent(Attempt.at, now, _span(rate))
    newest_first = (
        select(Attempt.at)
        .where(Attempt.key == key, recent, Attempt.id.not_in(ids))
        .order_by(Attempt.at.desc())
    )
    last_too_many = db.session.scalar(newest_first.offset(rate.amount - 1).limit(1))
    return last_too_many + _span(rate) - now if last_too_many else timedelta()


def _rates(limit: str) -> list[RateLimitItem]:
    return parse_many(current_app.config[limit])


def _span(rate: RateLimitItem) -> timedelta:
    return timedelta(seconds=rate.get_expiry())


def _key(limit: str, subject: str) -> str:
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.new(secret, f"{limit} {subject}".encode(), hashlib.sha256).hexdigest()
