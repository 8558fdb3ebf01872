"""How much a request may send, told before anything reads it."""

from __future__ import annotations

from flask import Flask, request

from app.importing.files import LARGEST_FILE

# The form around the file has a size of its own.
LARGEST_UPLOAD = LARGEST_FILE + 100_000
UPLOADS = ("mydata.bring",)


def init_app(app: Flask) -> None:
    """Before the forms' own checks, which read the request."""
    app.before_request(_allow_uploads)


def _allow_uploads() -> None:
    if request.endpoint in UPLOADS:
        request.max_content_length = LARGEST_UPLOAD
