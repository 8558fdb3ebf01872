"""Accounts: register, log in, log out."""

from flask import Blueprint

base = Blueprint("base", __name__)

from app.base import feed_routes, routes, trial_routes  # noqa: E402, F401
