"""Pages that turn a person's own lists and taste over: their watchlist by fit, and surprises."""

from flask import Blueprint

from app.accounts.login_sessions import require_login

taste = Blueprint("taste", __name__)
taste.before_request(require_login)

from app.taste import surprise_routes, watchlist_routes  # noqa: E402, F401
