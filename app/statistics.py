"""How many rated a title, and how: the release's figures, kept current with the database.

Implicit ratings are no votes. Where a data set was imported the database holds every rating there
is, and what it says replaces the release's figures. Elsewhere what the release cannot know is added
to them: ratings by people above its ``max_user_id``, and those given after it was made.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask
from sqlalchemy import CursorResult, bindparam, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.clock import utcnow
from app.extensions import db, serving
from app.memory import give_back
from app.models import Item, Rating, SiteState
from app.transactions import done_anew
from recommender.errors import NoRelease
from recommender.release import Release


def init_app(app: Flask) -> None:
    """Refresh every ``STATISTICS_MINUTES`` while the site serves; with 0 never.

    Every process has a thread for it, started by its first request and ended by the event under
    ``app.extensions["statistics"]``; the one whose turn is written into the database does the work.
    """
    period = timedelta(minutes=app.config["STATISTICS_MINUTES"])
    app.extensions["statistics"] = ended = threading.Event()
    starting = threading.Lock()
    threads: list[threading.Thread] = []

    def refresh_in_turn() -> None:
        with app.app_context():
            try:
                if take_turn(period):
                    _refresh_now(serving.watcher.model.release)
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


@done_anew
def _refresh_now(release: Release) -> None:
    refresh(release)
    db.session.commit()


def take_turn(period: timedelta) -> bool:
    """Whether the next refresh is due and this process is to do it: one is, of all that ask.

    A last one in the future was before the clock was set back.
    """
    now, last = utcnow(), SiteState.statistics_at
    due = or_(last.is_(None), last <= now - period, last > now + period)
    turn = update(SiteState).where(due).values(statistics_at=now)
    taken = cast("CursorResult[Any]", db.session.execute(turn))
    db.session.commit()
    return bool(taken.rowcount)


def refresh(release: Release) -> int:
    """Bring every title's count and mean up to date; how many changed. The caller commits."""
    figures = _figures(release)
    changed = []
    for item in db.session.execute(select(Item.id, Item.rating_count, Item.rating_mean)):
        votes, total = figures.get(item.id, (0, 0.0))
        mean = total / votes if votes else None
        if (votes, mean) != (item.rating_count, item.rating_mean):
            changed.append({"item": item.id, "votes": votes, "mean": mean})
    if changed:
        table: Any = Item.__table__
        row = update(table).where(table.c.id == bindparam("item"))
        new = row.values(rating_count=bindparam("votes"), rating_mean=bindparam("mean"))
        db.session.execute(new, changed)
    return len(changed)


def _figures(release: Release) -> dict[int, tuple[int, float]]:
    """(count, sum of stars) by item id."""
    rated = select(Rating.item_id, func.count(), func.sum(Rating.rating)).group_by(Rating.item_id)
    rated = rated.where(Rating.is_implicit.is_(False))
    if db.session.scalars(select(SiteState.has_data_set)).one():
        return {item_id: (count, total) for item_id, count, total in db.session.execute(rated)}
    arrays = release.arrays
    totals = (arrays.item_counts * arrays.item_means.astype(float)).tolist()
    counted = zip(arrays.item_counts.tolist(), totals, strict=True)
    figures = dict(zip(arrays.item_ids.tolist(), counted, strict=True))
    newer = or_(
        Rating.user_id > release.catalogue.max_user_id,
        Rating.rated_at > datetime.fromisoformat(release.created_at),
    )
    for item_id, count, total in db.session.execute(rated.where(newer)):
        before, sum_before = figures.get(item_id, (0, 0.0))
        figures[item_id] = (before + count, sum_before + total)
    return figures
