"""The owner's figures: who comes, who comes back, and whether what we recommend is liked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from app.clock import utcnow
from app.extensions import db
from app.models import Rating, Shown, User, Visit
from app.ratings import IMPORT, RECOMMENDATION
from recommender.intervals import Estimate, ratio, wilson

# The charter's.
MONTHLY_TARGET = 100_000
RATING_TARGET = 4.0
WEEK, MONTH = 7, 30
WEEKS = 12
# Titles that we asked about, or that came in a file, the person did not find here.
NOT_FOUND_HERE = (IMPORT, "onboarding")


@dataclass(frozen=True)
class Week:
    """``registered``: in all, when the week ended on ``last_day``."""

    last_day: date
    registered: int
    returning: int


@dataclass(frozen=True)
class Figures:
    """Shares and means have 95 % intervals; people are counted, all of them, and have none."""

    registered: int
    weekly: int
    monthly: int
    monthly_share: Estimate | None
    shown: int
    rated_share: Estimate | None
    recommended: Estimate | None
    otherwise: Estimate | None
    weeks: list[Week]


def figures_of_today() -> Figures:
    today = utcnow().date()
    registered, monthly = _registered(today), returning(today, MONTH)
    shown, rated = _shown_and_rated()
    return Figures(
        registered=registered,
        weekly=returning(today, WEEK),
        monthly=monthly,
        monthly_share=wilson(min(monthly, registered), registered),
        shown=sum(shown),
        rated_share=ratio(rated, shown),
        recommended=_mean_rating(Rating.via == RECOMMENDATION),
        otherwise=_mean_rating(
            and_(Rating.via.is_not(None), Rating.via.not_in((RECOMMENDATION, *NOT_FOUND_HERE)))
        ),
        weeks=[
            Week(day, _registered(day), returning(day, WEEK))
            for day in (today - timedelta(weeks=ago) for ago in reversed(range(WEEKS)))
        ],
    )


def returning(today: date, days: int) -> int:
    """How many came within the ``days`` up to ``today``, and on an earlier day as well."""
    earlier = aliased(Visit)
    return db.session.execute(
        select(func.count(func.distinct(Visit.user_id)))
        .join(earlier, and_(earlier.user_id == Visit.user_id, earlier.day < Visit.day))
        .where(Visit.day > today - timedelta(days=days), Visit.day <= today)
    ).scalar_one()


def _registered(today: date) -> int:
    tomorrow = datetime.combine(today + timedelta(days=1), time(), UTC)
    return db.session.execute(
        select(func.count(User.id)).where(User.username.is_not(None), User.created_at < tomorrow)
    ).scalar_one()


def _shown_and_rated() -> tuple[list[int], list[int]]:
    """By person: titles recommended to them, and how many of those they rated as such."""
    rated = and_(
        Rating.user_id == Shown.user_id,
        Rating.item_id == Shown.item_id,
        Rating.via == RECOMMENDATION,
    )
    rows = db.session.execute(
        select(func.count(), func.count(Rating.item_id))
        .select_from(Shown)
        .outerjoin(Rating, rated)
        .group_by(Shown.user_id)
    ).all()
    return [row[0] for row in rows], [row[1] for row in rows]


def _mean_rating(which: ColumnElement[bool]) -> Estimate | None:
    rows = db.session.execute(
        select(func.sum(Rating.rating), func.count()).where(which).group_by(Rating.user_id)
    ).all()
    return ratio([row[0] for row in rows], [row[1] for row in rows])
