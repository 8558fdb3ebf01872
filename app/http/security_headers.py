"""Headers that every response carries."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

from app.observability import logs

# Bootstrap's style sheet has icons as data: URLs; posters may be TMDB's.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
    " https://image.tmdb.org;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Features that the site does not use, so that injected code cannot use them either.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
        *("magnetometer", "microphone", "midi", "payment", "usb"),
    )
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def init_app(app: Flask) -> None:
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.update(ALWAYS)
    if "model_versions" in g:
        response.headers["X-Model-Version"] = ", ".join(g.model_versions)
    if (seconds := current_app.config["HSTS_SECONDS"]) and request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
    response.headers[logs.HEADER] = logs.request_id()
    # Responses are private or short-lived unless they say otherwise.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
