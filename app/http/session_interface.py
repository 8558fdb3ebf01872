"""Sessions in signed cookies."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from app.db.clock import utcnow

# A client that fetches no page piles up messages: compressed, a cookie of 8 kB holds a million.
MOST_FLASHES = 10


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()


class Sessions(SecureCookieSessionInterface):
    """Saves no session with a public response, which caches share between users.

    A session stays valid when the clock is set back.
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
    """Accepts signatures from the future: they are from before the clock was set back."""

    def unsign(
        self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False
    ) -> Any:
        unsign: Any = super().unsign  # its types want to know return_timestamp beforehand
        try:
            return unsign(signed_value, max_age, return_timestamp)
        except SignatureExpired as error:
            if error.date_signed is None or error.date_signed <= utcnow():
                raise
            return unsign(signed_value, None, return_timestamp)
