"""Group night: one list for several people."""

from flask import Blueprint

group = Blueprint("group", __name__, url_prefix="/group")

from app.group import routes  # noqa: E402, F401
