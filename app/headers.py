"""Headers that every response carries."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from app import logs

# Bootstrap's style sheet draws its icons from data: addresses; posters may be TMDB's.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
    " https://image.tmdb.org;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    if "model_versions" in g:
        response.headers["X-Model-Version"] = ", ".join(g.model_versions)
    if current_app.config["HSTS_SECONDS"] and request.is_secure:
        seconds = current_app.config["HSTS_SECONDS"]
        response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
    response.headers[logs.HEADER] = logs.request_id()
    if response.mimetype == "text/html":
        # Pages show a person's own ratings: no shared cache may keep them.
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
