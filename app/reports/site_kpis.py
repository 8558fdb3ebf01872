"""Key figures for the owner: registered and returning users, and how recommendations are rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter

from flask import current_app
from sqlalchemy import and_, case, distinct, func, select

from app.db.clock import utcnow
from app.extensions import db
from app.feedback.ratings import IMPORT, RECOMMENDATION
from app.models import Impression, Rating, User, Visit
from recommender.confidence_intervals import Interval, ratio, wilson

WEEK, MONTH = 7, 30
WEEKS = 12
# Figures that took at least LONG_SECONDS are cached for KEPT times as long.
LONG_SECONDS, KEPT = 2.0, 60
# Imports and onboarding: items that the user did not find on the site.
NOT_FOUND_HERE = (IMPORT, "onboarding")


@dataclass(frozen=True)
class Week:
    """``registered``: the total at the end of ``last_day``."""

    last_day: date
    registered: int
    returning: int


@dataclass(frozen=True)
class Figures:
    """Key figures; shares and means have 95 % intervals, numbers of users are exact."""

    counted_at: datetime
    registered: int
    weekly: int
    monthly: int
    monthly_share: Interval | None
    shown: int
    rated_share: Interval | None
    recommended: Interval | None
    otherwise: Interval | None
    weeks: list[Week]


def latest_figures() -> Figures:
    """Return the present figures, or cached ones if they took long to count."""
    cached, good_until = current_app.extensions.get("figures", (None, 0.0))
    began = perf_counter()
    if cached is not None and began < good_until:
        return cached
    figures = figures_of_today()
    seconds = perf_counter() - began
    if seconds >= LONG_SECONDS:
        current_app.extensions["figures"] = figures, perf_counter() + KEPT * seconds
    return figures


def figures_of_today() -> Figures:
    today = utcnow().date()
    ends = [today - timedelta(weeks=ago) for ago in reversed(range(WEEKS))]
    registered = _registered(ends)
    monthly, *returning = _returning([(today, MONTH), *((end, WEEK) for end in ends)])
    shown, rated = _shown_and_rated()
    recommended, otherwise = _mean_ratings()
    return Figures(
        counted_at=utcnow(),
        registered=registered[-1],
        weekly=returning[-1],
        monthly=monthly,
        monthly_share=wilson(min(monthly, registered[-1]), registered[-1]),
        shown=sum(shown),
        rated_share=ratio(rated, shown),
        recommended=recommended,
        otherwise=otherwise,
        weeks=[Week(*week) for week in zip(ends, registered, returning, strict=True)],
    )


def _registered(ends: Sequence[date]) -> list[int]:
    """Return the number of registered users at the end of each day."""
    nights = [datetime.combine(end + timedelta(days=1), time(), UTC) for end in ends]
    until = [func.count(case((User.created_at < night, 1))) for night in nights]
    return list(db.session.execute(select(*until).where(User.username.is_not(None))).one())


def _returning(spans: Sequence[tuple[date, int]]) -> list[int]:
    """Return how many users came within each span, (last day, days), and on an earlier day."""
    days = select(Visit.user_id, func.min(Visit.day).label("day")).group_by(Visit.user_id)
    first = days.subquery()
    within = [
        func.count(distinct(case((Visit.day.between(_first_day(*span), span[0]), Visit.user_id))))
        for span in spans
    ]
    again = select(*within).join_from(
        Visit, first, and_(first.c.user_id == Visit.user_id, first.c.day < Visit.day)
    )
    oldest = min(_first_day(*span) for span in spans)
    return list(db.session.execute(again.where(Visit.day >= oldest)).one())


def _first_day(last: date, days: int) -> date:
    return last - timedelta(days=days - 1)


def _shown_and_rated() -> tuple[list[int], list[int]]:
    """Return, for each user, the numbers of recommended items and of ratings from them."""
    rated = and_(
        Rating.user_id == Impression.user_id,
        Rating.item_id == Impression.item_id,
        Rating.via == RECOMMENDATION,
    )
    rows = db.session.execute(
        select(func.count(), func.count(Rating.item_id))
        .select_from(Impression)
        .outerjoin(Rating, rated)
        .group_by(Impression.user_id)
    ).all()
    return [row[0] for row in rows], [row[1] for row in rows]


def _mean_ratings() -> tuple[Interval | None, Interval | None]:
    """Return the mean ratings of recommended items, and of items found otherwise."""
    recommended = case((Rating.via == RECOMMENDATION, Rating.rating))
    otherwise = case((Rating.via != RECOMMENDATION, Rating.rating))
    sums = [f(stars) for stars in (recommended, otherwise) for f in (func.sum, func.count)]
    found_here = Rating.via.is_not(None) & Rating.via.not_in(NOT_FOUND_HERE)
    rows = db.session.execute(select(*sums).where(found_here).group_by(Rating.user_id)).all()
    from_lists, others = ([row[of : of + 2] for row in rows if row[of + 1]] for of in (0, 2))
    return _mean(from_lists), _mean(others)


def _mean(people: Sequence[Sequence[float]]) -> Interval | None:
    """Return the mean, with its interval, of users' (sum, count)."""
    return ratio([total for total, _ in people], [count for _, count in people])
