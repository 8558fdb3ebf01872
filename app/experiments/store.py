"""Experiments in the database: start, end, list, and what their variants recommended to whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.exc import IntegrityError

from app.db.clock import utcnow
from app.db.upsert import upsert
from app.extensions import db
from app.http import request_budget
from app.models import Experiment, Exposure
from app.recommend.model_watcher import serving
from app.recommend.variants import ExperimentConfig, RunningExperiment, ServedVariant, Variant
from recommender.errors import ConfigError
from recommender.storage.release_changes import check_changes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ROWS_AT_A_TIME = 10_000
# (user id, variant that served the user, item ids in order)
List = tuple[int, ServedVariant, Sequence[int]]


def start(
    name: str, control: Variant, treatment: Variant, share: float, force: bool = False
) -> Experiment:
    """Start an experiment; each process follows at its next refresh.

    Raises ConfigError if it is invalid or not possible, ReleaseError if a variant cannot be served,
    or, without ``force``, should not be (``release_changes``).
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: a name is 1 to 64 letters, digits, dots, dashes, underscores")
    if not 0 < share < 1:
        raise ConfigError(f"--share is the treatment's, above 0 and below 1, not {share:g}")
    if control == treatment:
        raise ConfigError(f"both variants are {control}; there is nothing to compare")
    serving.watcher.refresh()
    plan = ExperimentConfig(0, name, share, control, treatment)
    trial = RunningExperiment.of(plan, serving.watcher.store, serving.model)
    for model in () if force else trial.models.values():
        if model.version != trial.in_service:
            check_changes(model.release, serving.model.release)
    started = Experiment(name=name, control=str(control), treatment=str(treatment), share=share)
    started.started_at, started.is_running = utcnow(), True
    db.session.add(started)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        if (now := running()) is not None:
            reason = f"{now.name} is running; `flask experiments end` ends it"
        else:
            reason = f"there was an experiment {name} before; choose another name"
        raise ConfigError(reason) from error
    return started


def end() -> Experiment:
    """End the running experiment: everyone gets the release in service. Raises ConfigError."""
    experiment = running()
    if experiment is None:
        raise ConfigError("no experiment is running; `flask experiments list` shows them all")
    experiment.is_running, experiment.ended_at = None, utcnow()
    db.session.commit()
    return experiment


def running() -> Experiment | None:
    return db.session.scalar(select(Experiment).where(Experiment.is_running == true()))


def running_plan() -> ExperimentConfig | None:
    """Return the running experiment's configuration. Raises ConfigError if it is invalid."""
    experiment = running()
    return plan_of(experiment) if experiment else None


def plan_of(experiment: Experiment) -> ExperimentConfig:
    """Return an experiment's configuration. Raises ConfigError if it is invalid."""
    arms = Variant.parse(experiment.control), Variant.parse(experiment.treatment)
    return ExperimentConfig(experiment.id, experiment.name, experiment.share, *arms)


def every_experiment() -> list[Experiment]:
    """Return all experiments, newest first."""
    return list(db.session.scalars(select(Experiment).order_by(Experiment.id.desc())))


def note_exposures(lists: Collection[List]) -> None:
    """Store the items of lists that a variant recommended, each only the first time."""
    of_arms = [(user_id, served, ids) for user_id, served, ids in lists if served.arm]
    if not of_arms:
        return
    now = utcnow()
    new: dict[tuple[int | None, ...], dict[str, Any]] = {
        (served.experiment_id, user_id, item_id): {
            **{"experiment_id": served.experiment_id, "user_id": user_id, "item_id": item_id},
            **{"arm": served.arm, "shown_at": now, "place": place},
            "model_version": served.model.version,
        }
        for user_id, served, item_ids in of_arms
        for place, item_id in enumerate(item_ids, start=1)
    }
    rows = db.session.execute(
        select(Exposure.experiment_id, Exposure.user_id, Exposure.item_id)
        .where(
            Exposure.experiment_id.in_({served.experiment_id for _, served, _ in of_arms}),
            Exposure.user_id.in_({user_id for user_id, _, _ in of_arms}),
        )
        # Users may have many more exposures than these lists, so they are read in batches.
        .execution_options(yield_per=ROWS_AT_A_TIME)
    )
    for batch in rows.partitions():
        request_budget.check()
        for row in batch:
            new.pop(tuple(row), None)
    if new:
        first_times = list(new.values())
        upsert(Exposure, first_times, keep=first_times[0])
        db.session.commit()
