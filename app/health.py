"""``/health`` (the process lives), ``/ready`` (it can serve recommendations), and ``/metrics``."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, current_app
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app.extensions import db
from app.http.negotiation import bearer_token
from app.observability import metrics
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease

NOT_FOLDED_IN = "not in lists until the next training: the release is older than folding them in"
status = Blueprint("status", __name__)
Answer = tuple[dict[str, str], int]


@status.get("/health")
def health() -> Answer:
    return {"status": "alive"}, 200


@status.get("/ready")
def ready() -> Answer:
    """Answer 200 with the release and the experiment, or 503 with the reason.

    ``problem`` and ``experiment_problem``: why a newer release or a variant could not be loaded.
    ``new_titles``: that the release cannot have titles folded in.
    """
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return {"status": "not ready", "reason": f"no database ({type(error).__name__})"}, 503
    try:
        version = serving.model.version
    except NoRelease as error:
        return {"status": "not ready", "reason": str(error)}, 503
    watcher = serving.watcher
    trial = watcher.trials.current
    details = {
        "problem": watcher.problem,
        "experiment": trial.plan.name if trial else None,
        "experiment_problem": watcher.trials.problem,
        "new_titles": None if watcher.model.release.item_prior else NOT_FOLDED_IN,
    }
    present = {name: value for name, value in details.items() if value}
    return {"status": "ready", "release": version, **present}, 200


@status.get("/metrics")
def numbers() -> Response:
    """Answer with the metrics if the request has ``METRICS_TOKEN``; 404 if that is not set.

    Does not use the database, so that its outages can be observed.
    """
    wanted = current_app.config["METRICS_TOKEN"]
    if wanted is None:
        abort(404)
    if not hmac.compare_digest((bearer_token() or "").encode(), wanted.encode()):
        raise Unauthorized("a bearer token is needed", www_authenticate=WWWAuthenticate("bearer"))
    model = serving.model_or_none
    text = metrics.exposition(model.release.created_at if model else None)
    return Response(text, content_type=CONTENT_TYPE_LATEST)
