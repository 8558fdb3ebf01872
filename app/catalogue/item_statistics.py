"""The number and mean of each item's ratings: the release's, kept current with the database.

Implicit ratings are no votes. Where a data set was imported the database holds every rating there
is, and what it says replaces the release's figures. Elsewhere what the release cannot know is added
to them: ratings by people above its ``max_user_id``, and those given after it was made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
_FIGURES = np.dtype([("id", np.int64), ("votes", np.int64), ("total", np.float64)])


def init_app(app: Flask, release_in_service: Callable[[], Release]) -> None:
    """Refresh every ``STATISTICS_MINUTES`` while the site serves; with 0 never.

    Every process has a thread for it, started by its first request and ended by the event under
    ``app.extensions["statistics"]``; the one whose turn is written into the database does the work.
    ``release_in_service`` is called in an application context and may raise NoRelease.
    """
    period = timedelta(minutes=app.config["STATISTICS_MINUTES"])
    app.extensions["statistics"] = ended = threading.Event()
    starting = threading.Lock()
    threads: list[threading.Thread] = []

    def refresh_in_turn() -> None:
        with app.app_context():
            try:
                if take_turn(period):
                    _refresh_now(release_in_service())
                    give_back()
            except (SQLAlchemyError, NoRelease) as error:
                app.logger.warning("statistics not refreshed: %s", error)

    def refresh_in_turns() -> None:
        refresh_in_turn()
        while not ended.wait(period.total_seconds()):
            refresh_in_turn()

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

    A last refresh in the future is from before the clock was set back.
    """
    now, last = utcnow(), SiteState.statistics_at
    due = or_(last.is_(None), last <= now - period, last > now + period)
    turn = update(SiteState).where(due).values(statistics_at=now)
    taken = cast("CursorResult[Any]", db.session.execute(turn))
    db.session.commit()
    return bool(taken.rowcount)


def refresh(release: Release) -> int:
    """Update every item's count and mean; return how many changed. The caller commits."""
    figures = _figures(release)
    stored = select(Item.id, Item.rating_count, Item.rating_mean)
    changed = []
    for titles in db.session.execute(stored.execution_options(yield_per=BATCH)).partitions():
        now = figures.of([title.id for title in titles])
        for title, (votes, mean) in zip(titles, now, strict=True):
            if (votes, mean) != (title.rating_count, title.rating_mean):
                changed.append({"item": title.id, "votes": votes, "mean": mean})
    if changed:
        table: Any = Item.__table__
        row = update(table).where(table.c.id == bindparam("item"))
        new = row.values(rating_count=bindparam("votes"), rating_mean=bindparam("mean"))
        db.session.execute(new, changed)
    return len(changed)


@dataclass(frozen=True)
class _Figures:
    """``ids`` ascending, and last one that no title has; ``totals`` in stars; all of shape
    (titles + 1,). Arrays, because the room of as many objects is not given back: among them stands
    what requests made meanwhile."""

    ids: NDArray[np.int64]
    votes: NDArray[np.int64]
    totals: NDArray[np.float64]

    def of(self, item_ids: Sequence[int]) -> Iterator[tuple[int, float | None]]:
        """Yield (count, mean) of each item."""
        places = np.searchsorted(self.ids, item_ids)
        is_in_index = self.ids[places] == item_ids
        votes, totals = np.where(is_in_index, self.votes[places], 0), self.totals[places]
        for count, total in zip(votes.tolist(), totals.tolist(), strict=True):
            yield count, total / count if count else None


def _figures(release: Release) -> _Figures:
    # Of the table, not of its class: of that SQLAlchemy fetches all rows before it gives one. Not
    # behind a cursor: for that PostgreSQL takes a plan that begins soon, and ends late.
    ratings = Rating.__table__.c
    rated = select(ratings.item_id, func.count(), func.sum(ratings.rating))
    rated = rated.where(ratings.is_implicit.is_(False)).group_by(ratings.item_id)
    before = np.array([(np.iinfo(np.int64).max, 0, 0.0)], _FIGURES)
    if not db.session.scalars(select(SiteState.has_data_set)).one():
        arrays = release.arrays
        totals = arrays.item_counts * arrays.item_means.astype(float)
        from_release = np.rec.fromarrays([arrays.item_ids, arrays.item_counts, totals], _FIGURES)
        before = np.concatenate([from_release, before])
        rated = rated.where(
            or_(
                ratings.user_id > release.catalogue.max_user_id,
                ratings.rated_at > datetime.fromisoformat(release.created_at),
            )
        )
    both = np.concatenate([before, np.fromiter(map(tuple, db.session.execute(rated)), _FIGURES)])
    ids, places = np.unique(both["id"], return_inverse=True)
    votes = np.bincount(places, both["votes"]).astype(np.int64)
    totals = np.bincount(places, both["total"]).astype(np.float64)
    return _Figures(ids, votes, totals)
