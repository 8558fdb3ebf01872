"""Pages for the owner only: key figures, experiments, added titles, the release in service."""

from flask import Blueprint

owner = Blueprint("owner", __name__, url_prefix="/owner")

from app.owner import day_routes, routes, titles_routes  # noqa: E402, F401
