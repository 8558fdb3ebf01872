"""Flask extensions, created unbound here and bound to the application by ``create_app``."""

from __future__ import annotations

from typing import Any

from flask_bootstrap import Bootstrap5
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Every constraint has a name, so that migrations can change it on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class SignedLoginManager(LoginManager):
    """Ignores remember-me cookies that are not ASCII.

    Flask-Login 0.6.3 compares signatures as text, which raises TypeError beyond ASCII; no public
    hook comes before.
    """

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        return super()._load_user_from_remember_cookie(cookie) if cookie.isascii() else None


class FormTokens(CSRFProtect):
    """Rejects an invalid ``Referer`` header, at which Flask-WTF raises ValueError."""

    def protect(self, apply_exemptions: bool = False) -> None:
        try:
            super().protect(apply_exemptions)
        except ValueError as error:
            raise CSRFError("The referrer is not an address.") from error


db = SQLAlchemy(model_class=Base)
migrate = Migrate(render_as_batch=True)
login_manager = SignedLoginManager()
csrf = FormTokens()
bootstrap = Bootstrap5()
limiter = Limiter(get_remote_address, headers_enabled=True)
