"""Group night: one list for several people."""

from flask import Blueprint

from app.accounts.login_sessions import require_login

group = Blueprint("group", __name__, url_prefix="/group")
group.before_request(require_login)

from app.group import routes, taste_routes  # noqa: E402, F401
