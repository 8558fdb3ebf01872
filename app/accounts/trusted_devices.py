"""Devices that logged in before, by a cookie of their own.

Wrong passwords of strangers are counted by the name they try, those of a known device by that
device: whoever guesses at a name can make its owner wait nowhere but on a new device, and there a
mailed link opens the door.
"""

from __future__ import annotations

import secrets

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.models import User

GOOD_FOR = 400 * 86_400  # seconds; browsers keep nothing longer


def remember(response: Response, user: User) -> None:
    """Make the device one that this person is known on."""
    config = current_app.config
    response.set_cookie(
        config["DEVICE_COOKIE_NAME"],
        _signer().dumps([user.id, secrets.token_urlsafe(16)]),
        max_age=GOOD_FOR,
        secure=config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def known_as() -> tuple[int, str] | None:
    """(user id, the device's own name), where the caller's device is known."""
    shown = request.cookies.get(current_app.config["DEVICE_COOKIE_NAME"], "")
    try:
        user_id, name = _signer().loads(shown, max_age=GOOD_FOR)
    except (BadSignature, ValueError, TypeError):
        return None
    return user_id, name


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known device")
