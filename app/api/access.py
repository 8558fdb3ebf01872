"""Access to the API: bearer tokens and rate limits."""

from __future__ import annotations

from collections.abc import Iterable

from apispec import APISpec
from flask import Blueprint, abort, current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app.accounts import api_tokens, login_throttle
from app.api.vocabulary import WORDS
from app.extensions import limiter
from app.http.negotiation import bearer_token


def guard(blueprint: Blueprint) -> None:
    """Require a valid token for every route of a blueprint."""
    # The response headers describe the first limit.
    limiter.shared_limit(
        _limit_of_token, scope="api", key_func=_token_key, exempt_when=lambda: _token() is None
    )(blueprint)
    limiter.shared_limit(
        lambda: current_app.config["RATELIMIT_ADDRESS"],
        scope="api",
        key_func=login_throttle.caller,
        exempt_when=is_service,
    )(blueprint)
    blueprint.before_request(_authenticate)
    blueprint.url_value_preprocessor(_drop_words)


def authorise(user_ids: Iterable[int]) -> None:
    """Abort with 403 unless the token may act for all these users."""
    token = _token()
    if token is not None and token.user_id is not None and set(user_ids) - {token.user_id}:
        abort(403, "this token is good for its owner alone")


def authorise_service() -> None:
    """Abort with 403 for personal tokens."""
    if not is_service():
        abort(403, "this needs a service token")


def is_service() -> bool:
    """Return whether the request has a service token, which acts for any user."""
    token = _token()
    return token is not None and token.user_id is None


def describe(spec: APISpec) -> None:
    """Document that requests need a bearer token."""
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.options["security"] = [{"token": []}]


def _authenticate() -> None:
    token = _token()
    if token is None:
        problem = "it is unknown, expired or revoked" if bearer_token() else "there is none"
        raise Unauthorized(
            f"a bearer token is needed, and {problem}", www_authenticate=WWWAuthenticate("bearer")
        )
    if request.view_args and "user_id" in request.view_args:
        authorise([request.view_args["user_id"]])


def _drop_words(_endpoint: str | None, values: dict[str, object] | None) -> None:
    for word in WORDS:
        (values or {}).pop(word, None)


def _token() -> api_tokens.KnownToken | None:
    """Return the valid token of the request."""
    if "token" not in g:
        secret = bearer_token()
        g.token = api_tokens.recognise(secret) if secret else None
        g.user_id = g.token.user_id if g.token else None  # for the log
    return g.token


def _token_key() -> str:
    token = _token()
    return f"token {token.id}" if token else ""


def _limit_of_token() -> str:
    name = "RATELIMIT_SERVICE_TOKEN" if is_service() else "RATELIMIT_PERSONAL_TOKEN"
    return str(current_app.config[name])
