"""Sessions in signed cookies."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from app.db.clock import utcnow

# A client that loads no page accumulates messages: compressed, a cookie of 8 kB holds a million.
MOST_FLASHES = 10


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()


class Sessions(SecureCookieSessionInterface):
    """Does not save sessions with public responses, which caches share between users.

    Sessions stay valid when the clock is set back.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not response.cache_control.public:
            if session.modified and len(session.get("_flashes", ())) > MOST_FLASHES:
                session["_flashes"] = session["_flashes"][-MOST_FLASHES:]
            super().save_session(app, session, response)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = ForgivingSigner
        return serializer


class ForgivingSigner(TimestampSigner):
    """Accepts signatures from the future, which are from before the clock was set back."""

    def unsign(
        self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False
    ) -> Any:
        unsign: Any = super().unsign  # overloaded by literal values of return_timestamp
        try:
            return unsign(signed_value, max_age, return_timestamp)
        except SignatureExpired as error:
            if error.date_signed is None or error.date_signed <= utcnow():
                raise
            return unsign(signed_value, None, return_timestamp)
