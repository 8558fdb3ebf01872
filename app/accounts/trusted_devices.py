"""Trusted devices: a cookie marks a device that has logged in before.

Wrong passwords from a trusted device are counted for the device, others for the account. So an
attacker can lock out the owner only on new devices, where a mailed link lets them in.
"""

from __future__ import annotations

import secrets

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.models import User

GOOD_FOR = 400 * 86_400  # seconds; browsers keep nothing longer


def remember(response: Response, user: User) -> None:
    """Mark the device as trusted for this user."""
    config = current_app.config
    response.set_cookie(
        config["DEVICE_COOKIE_NAME"],
        _signer().dumps([user.id, secrets.token_urlsafe(16)]),
        max_age=GOOD_FOR,
        secure=config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def trusted_device() -> tuple[int, str] | None:
    """Return (user id, name of the device) if the cookie marks a trusted device."""
    shown = request.cookies.get(current_app.config["DEVICE_COOKIE_NAME"], "")
    try:
        user_id, name = _signer().loads(shown, max_age=GOOD_FOR)
    except (BadSignature, ValueError, TypeError):
        return None
    return user_id, name


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known device")
