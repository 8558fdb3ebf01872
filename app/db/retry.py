"""Transactions that the database broke off in favour of another one are done anew."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError

from app.extensions import db

TRIES = 5
PAUSE = 0.05
# Deadlocks and what could not be put in a row, as MySQL numbers them and PostgreSQL names them.
BROKEN_OFF = {1205, 1213, "40001", "40P01"}
P = ParamSpec("P")
T = TypeVar("T")


def retry_on_conflict(transaction: Callable[P, T]) -> Callable[P, T]:
    """A function that begins and commits one transaction is called again when it was broken off."""

    @wraps(transaction)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(1, TRIES + 1):
            try:
                return transaction(*args, **kwargs)
            except OperationalError as error:
                db.session.rollback()
                if tried == TRIES or not _was_broken_off(error):
                    raise
            time.sleep(random.uniform(0, PAUSE * tried))
        raise AssertionError("the last try returned or raised")

    return wrapped


def _was_broken_off(error: OperationalError) -> bool:
    cause: object = error.orig
    codes = {getattr(cause, "sqlstate", None), *getattr(cause, "args", ())[:1]}
    return not codes.isdisjoint(BROKEN_OFF)
