"""Experiments, started and filled with outcomes."""

from __future__ import annotations

from flask import Flask

from app.experiments.store import running
from app.extensions import db
from app.models import Exposure, Rating, User
from tests.support.commands import run

FIRST, SECOND, THIRD = "20260101-000000-aaaa", "20260102-000000-bbbb", "20260103-000000-cccc"


def start(app: Flask, *options: str, treatment: str = "min_ratings=12") -> None:
    status, printed = run(app, "experiments", "start", "tune", "--treatment", treatment, *options)
    assert status == 0, printed


def populate(app: Flask, people: dict[str, list[list[float | None]]]) -> None:
    """Store outcomes: by variant, for each user, the stars or None for each title shown."""
    items = [1, 2, 3, 5, 8, 13, 21, 34]
    with app.app_context():
        experiment = running()
        user_id = 1000
        for arm, lists in people.items():
            for outcome in lists:
                user_id += 1
                db.session.add(User(id=user_id))
                db.session.flush()
                for place, (item, stars) in enumerate(zip(items, outcome, strict=False), start=1):
                    of = {"user_id": user_id, "item_id": item}
                    at = experiment.started_at
                    output = {"arm": arm, "shown_at": at, "place": place, "model_version": FIRST}
                    db.session.add(Exposure(experiment_id=experiment.id, **of, **output))
                    if stars is not None:
                        rated = {"rating": stars, "rated_at": at, "via": "recommendation"}
                        db.session.add(Rating(**of, **rated))
        db.session.commit()
