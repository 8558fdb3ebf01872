"""Headers that every response carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Flask, Response, current_app, g, request

from app.observability import logs


def content_security_policy(picture_hosts: Iterable[str]) -> str:
    """Return a policy that allows pictures of these hosts, as in "https://covers.example"."""
    # Bootstrap's style sheet has icons as data: URLs.
    pictures = " ".join(("'self'", "data:", *picture_hosts))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures};"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


# Of a catalogue of films.
CONTENT_SECURITY_POLICY = content_security_policy(("https://image.tmdb.org",))
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


def init_app(app: Flask, picture_hosts: Callable[[], Iterable[str]]) -> None:
    """Add the headers to every response; pictures may be of ``picture_hosts``."""

    def add_policy(response: Response) -> Response:
        policy = content_security_policy(picture_hosts())
        response.headers.setdefault("Content-Security-Policy", policy)
        return _add_headers(response)

    app.after_request(add_policy)


def _add_headers(response: Response) -> Response:
    response.headers.update(ALWAYS)
    if "model_versions" in g:
        response.headers["X-Model-Version"] = ", ".join(g.model_versions)
    if (seconds := current_app.config["HSTS_SECONDS"]) and request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
    response.headers[logs.HEADER] = logs.request_id()
    # Responses are private or short-lived unless they say otherwise.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
