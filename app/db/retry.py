"""Retry transactions that the database rolled back (deadlock, serialization failure)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from app.extensions import db

TRIES = 8
PAUSE = 0.05
# Errors of MySQL and SQLSTATEs of PostgreSQL: lock wait timeout, deadlock, serialization failure.
CONFLICTS = {1205, 1213, "40001", "40P01"}
# Statement timeouts of PostgreSQL, MySQL and MariaDB, and a lock that was waited for in vain.
TIMEOUTS = {"57014", 3024, 1969, 1205}
P = ParamSpec("P")
T = TypeVar("T")


def retry_on_conflict(transaction: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that begins and commits one transaction: call it again on a conflict."""

    @wraps(transaction)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return transaction(*args, **kwargs)
            except OperationalError as error:
                db.session.rollback()
                if attempt == TRIES or not is_conflict(error):
                    raise
            time.sleep(random.uniform(0, PAUSE * attempt))
        raise AssertionError("the last attempt returned or raised")

    return wrapped


def is_timeout(error: DBAPIError) -> bool:
    """Return whether the database gave a statement up because it took too long."""
    return not _codes(error).isdisjoint(TIMEOUTS)


def is_conflict(error: DBAPIError) -> bool:
    """Return whether the database rolled the transaction back because of another one."""
    return not _codes(error).isdisjoint(CONFLICTS)


def _codes(error: DBAPIError) -> set[object]:
    cause: object = error.orig
    return {getattr(cause, "sqlstate", None), *getattr(cause, "args", ())[:1]}
