"""A person's ratings in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.clock import utcnow
from app.extensions import db
from app.models import Item, Rating
from app.upsert import upsert

# Where a person found the title they rate; what a form says otherwise is "other".
RECOMMENDATION, IMPORT = "recommendation", "import"
WAYS = (RECOMMENDATION, "onboarding", "search", "popular", "title", "ratings", "watchlist", "other")
A_YEAR = timedelta(days=365.2425)


@dataclass(frozen=True)
class RatedItem:
    item: Item
    rating: float
    rated_at: datetime


@dataclass(frozen=True)
class Forecast:
    """What the site would have said of a title just before the person rated it."""

    predicted: float | None = None
    community: float | None = None
    model_version: str | None = None


NO_FORECAST = Forecast()
_OF_THE_FIRST_TIME = ("predicted", "community", "model_version", "via")


def ratings_of(user_id: int) -> dict[int, float]:
    """Stars by item id: what the model folds in."""
    rows = db.session.execute(
        select(Rating.item_id, Rating.rating).where(Rating.user_id == user_id)
    )
    return {row.item_id: row.rating for row in rows}


def ratings_by_age(user_id: int) -> list[tuple[int, float, datetime]]:
    """(item id, stars, when), oldest first."""
    rows = db.session.execute(
        select(Rating.item_id, Rating.rating, Rating.rated_at)
        .where(Rating.user_id == user_id)
        .order_by(Rating.rated_at, Rating.item_id)
    )
    return [(row.item_id, row.rating, row.rated_at) for row in rows]


def of_the_last_years(
    ratings: Iterable[tuple[int, float, datetime]], years: int
) -> dict[int, float]:
    """Stars by item id, of those given within that many years."""
    since = utcnow() - years * A_YEAR
    return {item_id: stars for item_id, stars, at in ratings if at >= since}


def rated_items(user_id: int) -> list[RatedItem]:
    """Every rated title, newest rating first."""
    rows = db.session.execute(
        select(Item, Rating.rating, Rating.rated_at)
        .join(Rating, Rating.item_id == Item.id)
        .where(Rating.user_id == user_id)
        .order_by(Rating.rated_at.desc(), Item.id)
    )
    return [RatedItem(*row) for row in rows]


def rate(
    user_id: int,
    item_id: int,
    rating: float,
    forecast: Forecast = NO_FORECAST,
    via: str = "other",
) -> None:
    """Store a rating in place of any earlier one of the pair; the last writer wins.

    ``forecast`` and ``via`` stay those of the first time.
    """
    row = {"user_id": user_id, "item_id": item_id, "rating": rating, "rated_at": utcnow()}
    upsert(Rating, [{**row, **asdict(forecast), "via": via}], keep=_OF_THE_FIRST_TIME)
    db.session.commit()


def unrate(user_id: int, item_id: int) -> None:
    """Remove a rating, if there is one."""
    db.session.execute(delete(Rating).where(Rating.user_id == user_id, Rating.item_id == item_id))
    db.session.commit()
