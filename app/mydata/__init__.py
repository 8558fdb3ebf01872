"""The user's own data: import, export, deletion, and the accuracy of predictions."""

from flask import Blueprint

mydata = Blueprint("mydata", __name__)

from app.mydata import routes  # noqa: E402, F401
