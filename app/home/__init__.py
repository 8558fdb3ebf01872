"""The private pages: recommendations, search, one's ratings."""

from flask import Blueprint

home = Blueprint("home", __name__)

from app.home import routes  # noqa: E402, F401
