"""The only source of the current time."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    return datetime.now(UTC)
