"""How much a request may send, told before anything reads it."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.wsgi import LimitedStream

from app.importing.files import LARGEST_FILE

# The form around the file has a size of its own.
LARGEST_UPLOAD = LARGEST_FILE + 100_000
UPLOADS = ("mydata.bring",)
PIECE_BYTES = 65_536


def init_app(app: Flask) -> None:
    """Before the forms' own checks, which read the request."""
    app.before_request(_allow_uploads)
    app.after_request(_hear_out)


def _allow_uploads() -> None:
    if request.endpoint in UPLOADS:
        request.max_content_length = LARGEST_UPLOAD


def _hear_out(response: Response) -> Response:
    """Read what was refused unread: who is cut off while sending sees a broken connection (behind
    nginx a 502) in place of our answer. Who sends twice as much as we ever take is cut off."""
    size, limit = request.content_length or 0, request.max_content_length
    if limit is not None and limit < size <= 2 * LARGEST_UPLOAD:
        rest = LimitedStream(request.environ["wsgi.input"], size)
        while rest.read(PIECE_BYTES):
            pass
    return response
