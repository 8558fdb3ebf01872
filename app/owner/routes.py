"""Pages for users with the role of owner."""

from __future__ import annotations

from pathlib import Path

from flask import Response, abort, current_app, render_template, send_from_directory
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.experiments.results import EFFECT, ExperimentResults, results_of
from app.experiments.store import every_experiment, plan_of
from app.owner import owner
from app.recommend.model_watcher import serving
from app.reports.charts import Spans, reach, spans, weekly_bars
from app.reports.site_kpis import latest_figures
from recommender.feedback import EXPLICIT

# Reports have inline styles and pictures; a sandbox prevents anything else.
REPORT_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; sandbox"
)


@owner.before_request
@login_required
def let_the_owner_alone_in() -> None:
    # OPTIONS passes ``login_required`` without a login.
    if not (current_user.is_authenticated and current_user.is_owner):
        abort(403)


@owner.get("")
def figures() -> ResponseReturnValue:
    """Show the key figures, beside the targets that are set."""
    latest, config = latest_figures(), current_app.config
    in_stars = serving.feedback_kind.feedback == EXPLICIT
    model = serving.model_or_none
    return render_template(
        "owner/figures.html",
        latest=latest,
        registered=weekly_bars([week.registered for week in latest.weeks]),
        returning=weekly_bars([week.returning for week in latest.weeks]),
        in_stars=in_stars,
        monthly_target=config["TARGET_MONTHLY_PEOPLE"],
        rating_target=config["TARGET_MEAN_RATING"] if in_stars else None,
        release=model.release if model else None,
        reports=_reports(),
        problem=serving.watcher.problem,
    )


@owner.get("/experiments")
@owner.get("/experiments/<name>")
def experiments(name: str | None = None) -> ResponseReturnValue:
    """Show the results of an experiment: the newest, or the one named."""
    every = every_experiment()
    experiment = next((e for e in every if name in (None, e.name)), None)
    if name and not experiment:
        abort(404)
    results = results_of(experiment) if experiment else None
    return render_template(
        "owner/experiments.html",
        every=every,
        experiment=experiment,
        plan=plan_of(experiment) if experiment else None,
        results=results,
        charts=_charts(results) if results else {},
        in_stars=serving.feedback_kind.feedback == EXPLICIT,
        effect=EFFECT,
        problem=serving.watcher.trials.problem,
    )


@owner.get("/report/<path:name>")
def report(name: str) -> Response:
    """Send a file of the evaluation report of the release in service."""
    folder = _report_folder()
    if folder is None or name not in _reports():
        abort(404)
    response = send_from_directory(folder, name)
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    return response


def _charts(results: ExperimentResults) -> dict[str, Spans]:
    """Return charts of each figure: both variants, and their difference around 0."""
    charts = {}
    for name, compared in (("accepted", results.accepted), ("rating", results.rating)):
        if compared is not None:
            both, apart = [compared.control, compared.treatment], [compared.difference]
            charts[name] = spans(both, 0, reach(both))
            charts[f"{name}_difference"] = spans(apart, -reach(apart), reach(apart))
    return charts


def _reports() -> list[str]:
    """Return the report's files, HTML first, without links out of its folder."""
    folder = _report_folder()
    if folder is None:
        return []
    files = [p for p in folder.rglob("*") if p.is_file() and p.resolve().is_relative_to(folder)]
    names = [p.relative_to(folder).as_posix() for p in files]
    return sorted(names, key=lambda name: (not name.endswith(".html"), name))


def _report_folder() -> Path | None:
    model = serving.model_or_none
    folder = model.release.folder / "report" if model and model.release.folder else None
    return folder.resolve() if folder and folder.is_dir() else None
