"""Reject requests for host names that are not the site's.

The site ignores the ``Host`` header otherwise; this protects the proxies and caches in front of it.
"""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted

# The blueprint of /health, /ready and /metrics, which are requested by an instance's address.
EXEMPT_BLUEPRINT = "status"


def init_app(app: Flask) -> None:
    app.before_request(_reject_other_hosts)


def _reject_other_hosts() -> None:
    hosts = current_app.config["HOSTS"]
    if hosts and request.blueprint != EXEMPT_BLUEPRINT and not host_is_trusted(request.host, hosts):
        raise BadRequest("this site has another name")
