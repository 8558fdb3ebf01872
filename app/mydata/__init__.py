"""The user's own data: import, export, deletion, and the accuracy of predictions."""

from flask import Blueprint

from app.accounts.login_sessions import require_login

mydata = Blueprint("mydata", __name__)
mydata.before_request(require_login)

from app.mydata import import_routes, list_routes, routes  # noqa: E402, F401
