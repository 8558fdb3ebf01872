"""Limit how much a request may send, before anything reads it.

What a form or a row of the API holds is small. The few routes that take more are listed here, and
the one that takes a file does so only for a person who is logged in and sends it from our own page.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.wsgi import LimitedStream

# Any other form or JSON body; a form of an account, which anybody may send.
BODY_BYTES = 32_000
ACCOUNT_BYTES = 10_000
# A file of ratings; the form around it has a size of its own.
LARGEST_FILE = 30_000_000
LARGEST_UPLOAD = LARGEST_FILE + 100_000
UPLOADS = ("mydata.bring",)
BODY_BYTES_BY_ENDPOINT = {"api.batch": 1_000_000}
FORM_PARTS = 50
# A file, the form's token and its button. A part's headers, which werkzeug reads whole and at
# length, may be as large as a field.
UPLOAD_PARTS = 5
FIELD_BYTES = 100_000
PIECE_BYTES = 65_536


def init_app(app: Flask) -> None:
    """Register the limits; before the check of the form token, which reads the request."""
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
    """Return whether it is a file from our own page, sent by a user who is logged in.

    A file is stored on disk while it arrives; every other kind of body would stand in memory.
    """
    is_file = request.mimetype == "multipart/form-data"
    return is_file and not _is_cross_site() and bool(current_user.is_authenticated)


def _is_cross_site() -> bool:
    """Return whether the browser says that a page of another site sent this."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return site not in ("same-origin", "none") or (
        origin is not None and origin.partition("://")[2] != request.host
    )


def _drain_body(response: Response) -> Response:
    """Drain rejected request bodies, so that nginx relays our 413 instead of a 502.

    A body of more than twice the largest upload is cut off.
    """
    size, limit = request.content_length or 0, request.max_content_length
    if limit is not None and limit < size <= 2 * LARGEST_UPLOAD:
        rest = LimitedStream(request.environ["wsgi.input"], size)
        while rest.read(PIECE_BYTES):
            pass
    return response
