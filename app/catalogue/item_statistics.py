"""The number and mean of each item's ratings: the release's, kept current with the database.

Implicit ratings are not counted. If a data set was imported, the database has every rating, and its
statistics replace the release's. Otherwise the ratings that the release lacks are added to its
statistics: those by users above its ``max_user_id``, and those given after it was made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
from flask import Flask
from numpy.typing import NDArray
from sqlalchemy import CursorResult, bindparam, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.models import Item, Rating, SiteState
from app.observability.memory import give_back
from recommender.errors import NoRelease
from recommender.storage.release import Release

BATCH = 1000
# Seconds, while none is loaded.
WAIT_FOR_RELEASE = 1.0
_STATISTICS = np.dtype([("id", np.int64), ("votes", np.int64), ("total", np.float64)])


def init_app(
    app: Flask, release_in_service: Callable[[], Release], afterwards: Callable[[], object]
) -> None:
    """Refresh every ``STATISTICS_MINUTES`` while the site serves; with 0 never.

    Every process has a thread for it, started by its first request and ended by the event under
    ``app.extensions["statistics"]``; the one that takes the turn in the database does the work.
    ``release_in_service`` is called in an application context and may raise NoRelease;
    ``afterwards`` too, once the statistics are new.
    """
    period = timedelta(minutes=app.config["STATISTICS_MINUTES"])
    app.extensions["statistics"] = ended = threading.Event()
    starting = threading.Lock()
    threads: list[threading.Thread] = []

    def refresh_in_turns() -> None:
        pause = 0.0
        while not ended.wait(pause):
            pause = period.total_seconds()
            with app.app_context():
                try:
                    # First, so that a turn is not lost while a site that starts loads its release.
                    release = release_in_service()
                    if take_turn(period):
                        _refresh_now(release)
                        afterwards()
                        give_back()
                except NoRelease:
                    pause = min(pause, WAIT_FOR_RELEASE)
                except SQLAlchemyError as error:
                    app.logger.warning("statistics not refreshed: %s", error)

    def start() -> None:
        with starting:
            if period and not threads:
                threads.append(threading.Thread(target=refresh_in_turns, daemon=True))
                threads[0].start()

    app.before_request(start)


@retry_on_conflict
def _refresh_now(release: Release) -> None:
    refresh(release)
    db.session.commit()


def take_turn(period: timedelta) -> bool:
    """Return whether a refresh is due and this process is the one to do it.

    It is also due if the last one is in the future: the clock has been set back since.
    """
    now, last = utcnow(), SiteState.statistics_at
    due = or_(last.is_(None), last <= now - period, last > now + period)
    turn = update(SiteState).where(due).values(statistics_at=now)
    taken = cast("CursorResult[Any]", db.session.execute(turn))
    db.session.commit()
    return bool(taken.rowcount)


def refresh(release: Release) -> int:
    """Update every item's count and mean; return how many changed. The caller commits."""
    ids, votes, totals = _current_statistics(release)
    stored = select(Item.id, Item.rating_count, Item.rating_mean)
    changed = []
    for items in db.session.execute(stored.execution_options(yield_per=BATCH)).partitions():
        item_ids = [item.id for item in items]
        places = np.searchsorted(ids, item_ids)
        counts = np.where(ids[places] == item_ids, votes[places], 0).tolist()
        for item, count, total in zip(items, counts, totals[places].tolist(), strict=True):
            mean = total / count if count else None
            if (count, mean) != (item.rating_count, item.rating_mean):
                changed.append({"item": item.id, "votes": count, "mean": mean})
    if changed:
        table: Any = Item.__table__
        row = update(table).where(table.c.id == bindparam("item"))
        new = row.values(rating_count=bindparam("votes"), rating_mean=bindparam("mean"))
        db.session.execute(new, changed)
    return len(changed)


def _current_statistics(
    release: Release,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return item ids, ascending, and the number and sum of each item's ratings.

    The last id belongs to no item, so that every id has a place. Arrays, since many small objects
    would fragment the heap, which then keeps its size.
    """
    # Of the table: from the class, SQLAlchemy would fetch all rows before it returns the first.
    # Without a cursor: with one, PostgreSQL plans for the first rows and takes longer for all.
    ratings = Rating.__table__.c
    rated = select(ratings.item_id, func.count(), func.sum(ratings.rating))
    rated = rated.where(ratings.is_implicit.is_(False)).group_by(ratings.item_id)
    before = np.array([(np.iinfo(np.int64).max, 0, 0.0)], _STATISTICS)
    if not db.session.scalars(select(SiteState.has_data_set)).one():
        arrays = release.arrays
        totals = arrays.item_counts * arrays.item_means.astype(float)
        from_release = np.rec.fromarrays([arrays.item_ids, arrays.item_counts, totals], _STATISTICS)
        before = np.concatenate([from_release, before])
        rated = rated.where(
            or_(
                ratings.user_id > release.catalogue.max_user_id,
                ratings.rated_at > datetime.fromisoformat(release.created_at),
            )
        )
    since = np.fromiter(map(tuple, db.session.execute(rated)), _STATISTICS)
    both = np.concatenate([before, since])
    ids, places = np.unique(both["id"], return_inverse=True)
    votes = np.bincount(places, both["votes"]).astype(np.int64)
    return ids, votes, np.bincount(places, both["total"]).astype(np.float64)
