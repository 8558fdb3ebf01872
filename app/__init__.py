"""The web tier: its application factory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import load_dotenv
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from app import api, cli, error_pages, health, template_helpers
from app.base import base
from app.catalogue import item_statistics
from app.catalogue.items import add_missing_titles
from app.db import connections
from app.experiments.store import running_plan
from app.extensions import bootstrap, csrf, db, limiter, login_manager, migrate
from app.group import group
from app.home import home
from app.http import (
    allowed_hosts,
    body_limits,
    converters,
    rate_limit_storage,
    request_budget,
    security_headers,
    session_interface,
    static_files,
)
from app.mydata import mydata
from app.observability import logs, timing
from app.owner import owner
from app.portability.open_lines import sync_and_match
from app.recommend import added_items
from app.recommend.model_watcher import serving
from app.recommend.one_catalogue import check_ratings_fit, note_unit
from app.taste import taste
from recommender.storage.release import Release


def create_app(environ: Mapping[str, str] | None = None, **overrides: Any) -> Flask:
    """Create the site. Raises ConfigError.

    ``environ``: settings as text; default: the process's environment and ``.env``.
    ``overrides``: Flask configuration with precedence over the settings.
    """
    if environ is None:
        load_dotenv(Path(config.ROOT, ".env"))
    app = Flask(__name__)
    app.config.from_mapping(cli.errors.read_settings(environ))
    app.config.from_mapping(overrides)
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=app.config["PROXIES"], x_proto=app.config["PROTOCOL_PROXIES"]
    )

    logs.init_app(app)
    timing.init_app(app)
    request_budget.init_app(app)
    allowed_hosts.init_app(app)
    db.init_app(app)
    connections.init_app(app)
    migrate.init_app(app, db)
    session_interface.init_app(app)
    login_manager.init_app(app)
    body_limits.init_app(app)
    rate_limit_storage.init_app(app)
    limiter.init_app(app)
    csrf.init_app(app)
    bootstrap.init_app(app)
    serving.init_app(
        app, prepare=_prepare, find_experiment=running_plan, prepare_arm=_prepare_variant
    )
    item_statistics.init_app(
        app,
        release_in_service=lambda: serving.watcher.model.release,
        afterwards=lambda: added_items.fold_in_again(serving.watcher.models),
    )

    converters.init_app(app)
    for blueprint in (base, home, group, taste, mydata, owner, health.status):
        app.register_blueprint(blueprint)
    api.init_app(app)
    static_files.init_app(app)

    cli.init_app(app)
    error_pages.init_app(app)
    security_headers.init_app(app, lambda: serving.picture_hosts)
    template_helpers.init_app(app)
    return app


def _prepare(release: Release) -> None:
    """Prepare the database for a release that goes into service."""
    check_ratings_fit(release)
    note_unit(release)
    sync_and_match(release)


def _prepare_variant(release: Release) -> None:
    """Prepare the database for a release that an experiment serves beside it."""
    check_ratings_fit(release)
    add_missing_titles(release)
