"""Responses that are files to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Response

from app.db.clock import utcnow

TYPES = {"json": "application/json", "zip": "application/zip", "csv": "text/csv"}
PIECE_BYTES = 65_536


def download(content: IO[bytes], name: str, kind: str) -> Response:
    """Send a temporary file, written to its end, as <name>-<today>.<kind>."""
    file_name = f"{name}-{utcnow():%Y-%m-%d}.{kind}"
    size = content.tell()
    content.seek(0)
    response = Response(_pieces(content), mimetype=TYPES[kind])
    response.call_on_close(content.close)
    response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    with content:
        while piece := content.read(PIECE_BYTES):
            yield piece
