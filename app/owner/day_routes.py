"""The owner's day: what happened, what went wrong, and what is in service, on one page."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.catalogue.added_list import added_list
from app.experiments.results import results_of
from app.experiments.store import plan_of, running
from app.owner import owner
from app.owner.owner_day import gate_of, owner_day
from app.recommend.model_watcher import serving

SPANS = {1: "Day", 7: "Week", 30: "Month"}
NEWEST = 6


@owner.get("/day")
def day() -> ResponseReturnValue:
    """Show the last day, week or month (``?days=``)."""
    days = request.args.get("days", 1, type=int)
    days = days if days in SPANS else 1
    experiment, model = running(), serving.model_or_none
    today = owner_day(days)
    newest = [each for each in added_list(NEWEST) if each.added.added_at >= today.since]
    return render_template(
        "owner/day.html",
        day=today,
        days=days,
        spans=SPANS,
        newest=newest,
        experiment=experiment,
        plan=plan_of(experiment) if experiment else None,
        results=results_of(experiment) if experiment else None,
        trial_problem=serving.watcher.trials.problem,
        release=model.release if model else None,
        gate=gate_of(model.release) if model else None,
        problem=serving.watcher.problem,
    )
