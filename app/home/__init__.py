"""The private pages: recommendations, search, one's ratings."""

from flask import Blueprint

from app.feedback.visits import note_visit

home = Blueprint("home", __name__)
home.before_request(note_visit)

from app.home import routes  # noqa: E402, F401
