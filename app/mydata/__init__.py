"""One's own data: bring it, take it along, remove it, and what we made of it."""

from flask import Blueprint

mydata = Blueprint("mydata", __name__)

from app.mydata import routes  # noqa: E402, F401
