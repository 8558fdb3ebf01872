"""Limit the size of request bodies, before anything reads them.

Forms and calls of the API are small. Routes that accept more are listed here; the one that accepts
a file does so only from a logged-in user and a page of this site.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.wsgi import LimitedStream

# Forms and JSON in general; forms of accounts, which anybody may send.
BODY_BYTES = 32_000
ACCOUNT_BYTES = 10_000
# A file of ratings; the form around it takes space too.
LARGEST_FILE = 30_000_000
LARGEST_UPLOAD = LARGEST_FILE + 100_000
UPLOADS = ("mydata.bring",)
# A batch holds the ratings of 1,000 people; what it may hold is checked before it is parsed.
BODY_BYTES_BY_ENDPOINT = {"api.batch": 16_000_000}
FORM_PARTS = 50
# The file, the form token and the button. The headers of a part, which Werkzeug parses slowly, may
# be as large as a field.
UPLOAD_PARTS = 5
FIELD_BYTES = 100_000
PIECE_BYTES = 65_536


def init_app(app: Flask) -> None:
    """Register the limits, before the check of the form token, which reads the body."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["MAX_FORM_PARTS"] = FORM_PARTS
    app.config["MAX_FORM_MEMORY_SIZE"] = FIELD_BYTES
    app.before_request(_set_limit)
    app.after_request(_drain_body)


def _set_limit() -> None:
    endpoint = request.endpoint or ""
    if endpoint in BODY_BYTES_BY_ENDPOINT:
        request.max_content_length = BODY_BYTES_BY_ENDPOINT[endpoint]
    elif endpoint.startswith("base."):
        request.max_content_length = ACCOUNT_BYTES
    elif endpoint in UPLOADS and _may_upload():
        request.max_content_length = LARGEST_UPLOAD
        request.max_form_parts = UPLOAD_PARTS


def _may_upload() -> bool:
    """Return whether a logged-in user sends a file from a page of this site.

    Files are written to disk while they arrive; other bodies would be kept in memory.
    """
    origin = request.headers.get("Origin")
    return (
        request.mimetype == "multipart/form-data"
        and request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
        and (origin is None or origin.partition("://")[2] == request.host)
        and bool(current_user.is_authenticated)
    )


def _drain_body(response: Response) -> Response:
    """Drain rejected request bodies, so that nginx relays our 413 instead of a 502.

    Bodies of more than twice the largest upload are not read.
    """
    size, limit = request.content_length or 0, request.max_content_length
    if limit is not None and limit < size <= 2 * LARGEST_UPLOAD:
        rest = LimitedStream(request.environ["wsgi.input"], size)
        while rest.read(PIECE_BYTES):
            pass
    return response
