"""Tables of experiments."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import ItemKey, Moment, UserKey


class Experiment(db.Model):  # type: ignore[name-defined]
    """Two variants as text (``app.recommend.variants.Variant``); a ``share`` gets the treatment.

    ``is_running`` is True or None, never False: unique, so that at most one experiment is running.
    """

    __tablename__ = "experiments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    control: Mapped[str] = mapped_column(String(255))
    treatment: Mapped[str] = mapped_column(String(255))
    share: Mapped[float]
    started_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    is_running: Mapped[bool | None] = mapped_column(unique=True)


class Exposure(db.Model):  # type: ignore[name-defined]
    """An item that a variant recommended to a user: when it first did so in the experiment.

    Impressions would compare unfairly: most of what the control recommends was shown before the
    experiment began, and less of what the treatment does.
    """

    __tablename__ = "exposures"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UserKey] = mapped_column(index=True)
    item_id: Mapped[ItemKey]
    arm: Mapped[str] = mapped_column(String(16))
    shown_at: Mapped[Moment]
    place: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))
