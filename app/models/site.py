"""The state of the site."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import Flag, Moment


class SiteState(db.Model):  # type: ignore[name-defined]
    """State of the site; one row.

    ``last_user_id``: the highest user id ever given, so that none is given twice, even after its
    account was deleted. ``has_data_set``: a data set's ratings were imported, so that the database
    holds all ratings. ``statistics_at``: when a process last began to refresh item statistics.
    ``rating_unit``: what ratings are counted in (``app.recommend.one_catalogue``); None until a
    version that notes it has served.
    """

    __tablename__ = "site_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_user_id: Mapped[int]
    has_data_set: Mapped[Flag]
    statistics_at: Mapped[Moment | None]
    rating_unit: Mapped[str | None] = mapped_column(String(64))
