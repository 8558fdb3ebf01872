"""Ratings of users in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from app.db.clock import later_than, utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.feedback import user_lists
from app.models import Item, Rating
from app.observability import metrics

# Where a user came across the item that they rate; other values in a form become "other".
RECOMMENDATION, IMPORT = "recommendation", "import"
WAYS = (RECOMMENDATION, "onboarding", "search", "popular", "title", "ratings", "watchlist", "other")
REST = "rest"
# The rating of an item that a user watched, if too few have rated it for a mean.
WATCHED = 3.5
A_YEAR = timedelta(days=365.2425)


@dataclass(frozen=True)
class RatedItem:
    item: Item
    rating: float
    rated_at: datetime
    is_implicit: bool = False


@dataclass(frozen=True)
class Prediction:
    """What the site predicted for an item just before the user rated it."""

    predicted: float | None = None
    community: float | None = None
    model_version: str | None = None


NO_PREDICTION = Prediction()
# Built once: building takes longer than running.
_OF_ONE = select(Rating.item_id, Rating.rating).where(Rating.user_id == bindparam("user_id"))
_BY_AGE = _OF_ONE.add_columns(Rating.rated_at).order_by(Rating.rated_at, Rating.item_id)
_OF_THE_FIRST_TIME = ("predicted", "community", "model_version", "via")


def ratings_of(user_id: int) -> dict[int, float]:
    """Return ratings by item id, as the model folds them in."""
    rows = db.session.execute(_OF_ONE, {"user_id": user_id}).all()
    return {row.item_id: row.rating for row in rows}


def ratings_by_age(user_id: int) -> list[tuple[int, float, datetime]]:
    """Return (item id, rating, time), oldest first."""
    return [tuple(row) for row in db.session.execute(_BY_AGE, {"user_id": user_id}).all()]


def of_the_last_years(
    ratings: Iterable[tuple[int, float, datetime]], years: int
) -> dict[int, float]:
    """Return the ratings of the last ``years`` years, by item id."""
    since = utcnow() - years * A_YEAR
    return {item_id: stars for item_id, stars, at in ratings if at >= since}


def last_rated_at(user_id: int) -> datetime | None:
    """Return when the user last rated anything; None if never."""
    return db.session.scalar(select(func.max(Rating.rated_at)).where(Rating.user_id == user_id))


def count_ratings(user_id: int, implicit: bool = True) -> int:
    """Return the number of all ``rated_items``."""
    counted = select(func.count()).select_from(Rating).where(*_is_counted(user_id, implicit))
    return db.session.scalar(counted) or 0


def rated_items(
    user_id: int, limit: int, offset: int = 0, implicit: bool = True
) -> list[RatedItem]:
    """Return rated items from the ``offset``-th on, newest first, then highest first.

    ``implicit``: also those with an implicit rating.
    """
    order = Rating.rated_at.desc(), Rating.rating.desc()
    return _rated_items(user_id, limit, *order, offset=offset, implicit=implicit)


def top_rated_items(user_id: int, limit: int) -> list[RatedItem]:
    """Return rated items, highest first, then newest first."""
    return _rated_items(user_id, limit, Rating.rating.desc(), Rating.rated_at.desc())


def _rated_items(
    user_id: int, limit: int, *order: ColumnElement[Any], offset: int = 0, implicit: bool = True
) -> list[RatedItem]:
    rows = db.session.execute(
        select(Item, Rating.rating, Rating.rated_at, Rating.is_implicit)
        .join(Rating, Rating.item_id == Item.id)
        .where(*_is_counted(user_id, implicit))
        .order_by(*order, Item.id)
        .limit(limit)
        .offset(offset)
    )
    return [RatedItem(*row) for row in rows]


def _is_counted(user_id: int, implicit: bool) -> list[ColumnElement[bool]]:
    explicit = [] if implicit else [Rating.is_implicit.is_(False)]
    return [Rating.user_id == user_id, *explicit]


@retry_on_conflict
def rate(
    user_id: int,
    item_id: int,
    rating: float,
    prediction: Prediction = NO_PREDICTION,
    via: str = "other",
) -> datetime:
    """Store a rating in place of an earlier one of the user and item; return its time.

    Of two parallel ones the later stays, in whatever order they arrive. ``prediction`` and ``via``
    stay those of the first rating.
    """
    pair = Rating.user_id == user_id, Rating.item_id == item_id
    before = db.session.scalar(select(Rating.rated_at).where(*pair))
    now = later_than(before, utcnow())
    row = {"user_id": user_id, "item_id": item_id, "rating": rating, "rated_at": now}
    row |= {"is_implicit": False, **asdict(prediction), "via": via}
    upsert(Rating, [row], keep=_OF_THE_FIRST_TIME, newest_by="rated_at")
    db.session.commit()
    metrics.RATINGS_WRITTEN.labels(metrics.API if via == REST else metrics.PAGE).inc()
    return now


def usual_rating(item: Item, enough: int) -> float:
    """Return the item's mean if at least ``enough`` people rated it, else WATCHED."""
    if item.rating_mean is not None and item.rating_count >= enough:
        return item.rating_mean
    return WATCHED


@retry_on_conflict
def watch(user_id: int, item_id: int, rating: float, is_seen: bool) -> None:
    """Store an implicit rating of an item that a user watched; an existing rating stays.

    ``is_seen``: also put it on the list of seen items.
    """
    now = utcnow()
    row = {"user_id": user_id, "item_id": item_id, "rating": rating, "rated_at": now}
    row |= {"is_implicit": True, "via": REST}
    upsert(Rating, [row], keep=row)
    if is_seen:
        user_lists.add(user_id, {item_id: now}, user_lists.SEEN)
    db.session.commit()


@retry_on_conflict
def unwatch(user_id: int, item_id: int) -> None:
    """Delete the implicit rating of an item, and take it off the list of seen items; an explicit
    rating stays."""
    pair = Rating.user_id == user_id, Rating.item_id == item_id
    db.session.execute(delete(Rating).where(*pair, Rating.is_implicit))
    user_lists.remove(user_id, [item_id], user_lists.SEEN)
    db.session.commit()


def unrate(user_id: int, item_id: int) -> None:
    """Remove a rating, if there is one."""
    db.session.execute(delete(Rating).where(Rating.user_id == user_id, Rating.item_id == item_id))
    db.session.commit()
