"""Whether a request is from an API client or a browser, and its bearer token."""

from __future__ import annotations

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

# Characters of an Accept header that are parsed; browsers send two hundred.
LONGEST_ACCEPT = 1_000
# Paths of the API that do not begin with /api/.
SERVICE_PATHS = ("/recommendations", "/features")


def is_api_path() -> bool:
    """Return whether the request is for the API, also if its path matches no route."""
    return request.path.startswith("/api/") or request.path in SERVICE_PATHS


def wants_json() -> bool:
    """Return whether to answer with JSON rather than a page."""
    if is_api_path():
        return True
    accepted = parse_accept_header(request.headers.get("Accept", "")[:LONGEST_ACCEPT], MIMEAccept)
    return accepted.best_match(["text/html", "application/json"]) == "application/json"


def bearer_token() -> str | None:
    """Return the bearer token of the ``Authorization`` header, if there is one.

    Read by hand: Werkzeug parses other schemes too, and fails at Basic credentials beyond ASCII.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None
