"""Private pages: recommendations, search, ratings, lists."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.feedback.visits import note_visit

home = Blueprint("home", __name__)


@home.before_request
def require_login() -> ResponseReturnValue | None:
    """Note the visit, or ask to log in; posters are public, since they are the same for all."""
    return None if request.endpoint == "home.poster" else login_required(note_visit)()


from app.home import for_you, routes  # noqa: E402, F401
