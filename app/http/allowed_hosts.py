"""Which host names the site answers to. Nothing it says is made from the name a request claims;
this keeps whatever stands before the site from being misled either."""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted

# Load balancers and monitors ask by the instance's address.
ASKED_BY_ADDRESS = "status"


def init_app(app: Flask) -> None:
    app.before_request(_refuse_others)


def _refuse_others() -> None:
    ours = current_app.config["HOSTS"]
    if ours and request.blueprint != ASKED_BY_ADDRESS and not host_is_trusted(request.host, ours):
        raise BadRequest("this site has another name")
