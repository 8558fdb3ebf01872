"""All settings, in one table: read from the environment and converted once.

``DEBUG=True`` is development, with SQLite and a generated key in ``instance/``. Anything else is
production, which does not start without a strong ``SECRET_KEY`` and a database.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits import parse_many
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from recommender.errors import ConfigError

ROOT = Path(__file__).resolve().parent
INSTANCE = ROOT / "instance"
SHORTEST_SECRET_KEY = 16
RANDOM_TEXT = "python -c 'import secrets; print(secrets.token_hex())'"
# Seconds to wait for a connection to the database; seconds before a dead peer is dropped.
CONNECT_SECONDS, SILENCE_SECONDS = 5, 15
# A login expires after this time, even if it is in use.
LOGIN_DAYS = 90
# Drivers by the scheme of the address that a database's provider shows.
DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
# Files that install the drivers; SQLite's comes with Python.
REQUIREMENTS = {"pymysql": "requirements-mysql.txt", "psycopg": "requirements-pgsql.txt"}


def boolean(text: str) -> bool:
    if (word := text.lower()) not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        raise ValueError("must be True or False")
    return word in ("true", "1", "yes", "on")


def whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("must be a whole number of at least 0")
    return int(text)


def at_least_one(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError("must be a whole number of at least 1")
    return int(text)


def stars(text: str) -> float:
    if not 0.5 <= float(text) <= 5:
        raise ValueError("must be from 0.5 to 5")
    return float(text)


def at_least_zero(text: str) -> float:
    if not 0 <= float(text) < float("inf"):
        raise ValueError("must be 0 or more")
    return float(text)


def mail_address(text: str) -> str:
    """Check "log", smtp://user:password@host:587, smtps://…:465, or ses://region."""
    url = urlsplit(text)
    if text != "log" and url.scheme not in ("smtp", "smtps", "ses"):
        raise ValueError("must be log, smtp://…, smtps://… or ses://…")
    if text != "log" and not url.hostname:
        raise ValueError("names no host or region")
    return text


def web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("must be the address of a site, such as https://marquee.example")
    return text.rstrip("/")


def host_names(text: str) -> list[str]:
    names = text.replace(",", " ").split()
    if not all(_HOST_NAME.fullmatch(name) for name in names):
        raise ValueError("must be host names with blanks between them, such as marquee.example")
    return names


def existing_file(text: str) -> str:
    """Return the path of a file, which is relative to the folder of the code."""
    path = ROOT / text
    if not path.is_file():
        raise ValueError("is not a file")
    return str(path)


def rate_limit(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValueError("must be a rate such as 120/minute") from error
    return text


# A leading dot stands for all subdomains.
_HOST_NAME = re.compile(r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True)
class Setting:
    """``read`` turns the text of the environment into the value, raising ValueError."""

    name: str
    read: Callable[[str], Any]
    default: Any
    sentence: str


SETTINGS = (
    Setting("DEBUG", boolean, False, "True for development; anything else is production"),
    Setting("SECRET_KEY", str, None, "signs sessions and forms; a secret of 16 characters or more"),
    Setting("DATABASE_URL", str, None, "the database; default: SQLite in development"),
    Setting("RDS_HOSTNAME", str, None, "the database's host, if DATABASE_URL is not set"),
    Setting("RDS_PORT", int, 3306, "its port; 5432 means PostgreSQL, any other MySQL"),
    Setting("RDS_DB_NAME", str, None, "its database"),
    Setting("RDS_USERNAME", str, None, "its user"),
    Setting("RDS_PASSWORD", str, None, "its password"),
    Setting("DATABASE_CA", existing_file, None, "certificates that the database's must come from"),
    Setting("DB_POOL", at_least_one, 10, "connections of a process at most; threads and two more"),
    Setting("STATEMENT_SECONDS", at_least_zero, 20.0, "after which a request's query is given up"),
    Setting("RELEASES", str, "releases", "where training publishes: a folder, or s3://…"),
    Setting("RELEASE_CACHE", str, None, "the folder that caches releases read from S3"),
    Setting("RELEASE_POLL_SECONDS", at_least_zero, 5.0, "how often to look for a new release"),
    Setting("SITE_URL", web_address, None, "the site's own address, for links in mail"),
    Setting("MAIL", mail_address, None, "how mail is sent; default: the log in development"),
    Setting("MAIL_FROM", str, "Marquee <marquee@localhost>", "who mail is from"),
    Setting("TMDB_API_KEY", str, None, "a key for TMDB's API, for `flask fetch-posters`"),
    Setting("REDIS_URL", str, None, "where rate limits are counted; default: in each process"),
    Setting("RATELIMIT_ENABLED", boolean, True, "False switches rate limits off"),
    Setting("RATELIMIT_SERVICE_TOKEN", rate_limit, "6000/minute", "for each service token"),
    Setting("RATELIMIT_PERSONAL_TOKEN", rate_limit, "120/minute", "for each personal token"),
    Setting("RATELIMIT_ADDRESS", rate_limit, "300/minute", "for each address, but service tokens"),
    Setting("RATELIMIT_PASSWORDS", rate_limit, "10/15minutes", "wrong passwords for one account"),
    Setting("RATELIMIT_PASSWORDS_ADDRESS", rate_limit, "100/15minutes", "... from one address"),
    Setting("RATELIMIT_ACCOUNTS", rate_limit, "60/hour", "registrations from one address"),
    Setting("RATELIMIT_RESET_MAIL", rate_limit, "5/hour", "mails of one kind to one mailbox"),
    Setting("RATELIMIT_RESET_MAIL_ADDRESS", rate_limit, "30/hour", "... from one address"),
    Setting("RATELIMIT_IMPORTS", rate_limit, "20/hour", "imported files of one user"),
    Setting("RATELIMIT_TRIES", rate_limit, "60/minute", "pages of a guest's try, by address"),
    Setting("REQUEST_SECONDS", at_least_zero, 30.0, "after which a request is ended with a 503"),
    Setting("HOSTS", host_names, None, "host names the site answers to; default: SITE_URL's"),
    Setting("PROXIES", whole, 0, "how many of our proxies report the caller's address"),
    Setting("PROTOCOL_PROXIES", whole, 0, "how many of them report whether HTTPS was used"),
    Setting("HSTS_SECONDS", whole, 0, "how long browsers must use HTTPS; 0: no such header"),
    Setting("STATISTICS_MINUTES", at_least_zero, 10.0, "between updates of titles' statistics"),
    Setting("MEAN_NEEDS_RATINGS", whole, 5, "ratings needed to use a title's mean as a rating"),
    Setting("TARGET_MONTHLY_PEOPLE", at_least_one, None, "people returning within a month"),
    Setting("TARGET_MEAN_RATING", stars, None, "the mean rating of what we recommend"),
    Setting("METRICS_TOKEN", str, None, "a secret that opens /metrics; default: no such page"),
    Setting("SECURE_COOKIES", boolean, None, "cookies over HTTPS only; default: in production"),
    Setting("PORT", int, 5000, "where `make run` serves"),
)

# Earlier names, still read.
OLD_NAMES = {
    "RATELIMIT_RESET_MAIL": "RATELIMIT_LETTERS",
    "RATELIMIT_RESET_MAIL_ADDRESS": "RATELIMIT_LETTERS_ADDRESS",
}


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return Flask's configuration from ``environ`` (default: the environment of the process).

    Raises ConfigError with the setting that is missing or invalid.
    """
    values = _read(os.environ if environ is None else environ)
    debug, releases = values["DEBUG"], values["RELEASES"]
    database, host = _database_url(values), urlsplit(values["SITE_URL"] or "").hostname
    secure = not debug if values["SECURE_COOKIES"] is None else values["SECURE_COOKIES"]
    return {
        **values,
        "SECRET_KEY": _secret_key(values["SECRET_KEY"], debug),
        "SQLALCHEMY_DATABASE_URI": database,
        # Errors of the database are logged without the values of their statements.
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "hide_parameters": not debug,
            **engine_options(database, values["DB_POOL"], values["DATABASE_CA"]),
        },
        "METRICS_TOKEN": _hard_to_guess("METRICS_TOKEN", values["METRICS_TOKEN"]),
        "RELEASES": releases if "://" in releases else str(ROOT / releases),
        **_mail(values),
        "RATELIMIT_STORAGE_URI": values["REDIS_URL"] or "process://",
        "HOSTS": values["HOSTS"] or ([host] if host else None),
        # Browsers bind these to the host, so that no other host of the domain can set them.
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "REMEMBER_COOKIE_NAME": "__Host-remember" if secure else "remember_token",
        "DEVICE_COOKIE_NAME": "__Host-device" if secure else "device",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": secure,
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_DURATION": timedelta(days=LOGIN_DAYS),
        "WTF_CSRF_TIME_LIMIT": None,
        "BOOTSTRAP_SERVE_LOCAL": True,
    }


def requirements(settings: Mapping[str, Any]) -> str:
    """Return the requirements file with the driver of the database in ``settings`` (``load``)."""
    database: URL = settings["SQLALCHEMY_DATABASE_URI"]
    return REQUIREMENTS.get(database.get_driver_name(), "requirements.txt")


def is_development() -> bool:
    """Return whether ``DEBUG`` is True. Raises ConfigError."""
    return bool(_read(os.environ)["DEBUG"])


def _read(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for setting in SETTINGS:
        text = environ.get(setting.name) or environ.get(OLD_NAMES.get(setting.name, ""), "")
        text = text.strip()
        try:
            values[setting.name] = setting.read(text) if text else setting.default
        except ValueError as error:
            raise ConfigError(f"{setting.name}={text!r}: {error}; {setting.sentence}") from error
    return values


def _mail(values: Mapping[str, Any]) -> dict[str, Any]:
    """Links in mail start with ``SITE_URL``: the host that a request names may be forged."""
    mail = values["MAIL"] or ("log" if values["DEBUG"] else None)
    if mail and not values["SITE_URL"] and not values["DEBUG"]:
        raise ConfigError("SITE_URL is not set; links in mail need it (https://marquee.example)")
    return {"MAIL": mail, "SITE_URL": values["SITE_URL"] or f"http://127.0.0.1:{values['PORT']}"}


def _hard_to_guess(name: str, value: str | None) -> str | None:
    if value and (len(value) < SHORTEST_SECRET_KEY or "change" in value.lower()):
        raise ConfigError(
            f"{name}: too easy to guess; set {SHORTEST_SECRET_KEY} random characters or more"
            f" ({RANDOM_TEXT})"
        )
    return value


def _secret_key(value: str | None, debug: bool) -> str:
    if _hard_to_guess("SECRET_KEY", value) and value:
        return value
    if not debug:
        raise ConfigError(
            f"SECRET_KEY is not set; production needs a secret of its own ({RANDOM_TEXT}),"
            " or set DEBUG=True for development"
        )
    return _development_key(INSTANCE / "secret_key")


def _development_key(path: Path) -> str:
    """Return a random key, stored for this checkout so that sessions survive a restart."""
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        # A temporary file is readable by its owner only.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as new:
            new.write(secrets.token_hex())
            new.flush()
            with suppress(FileExistsError):  # another process was first; both use its key
                os.link(new.name, path)
    return path.read_text()


def with_driver(address: str) -> URL:
    """Return the URL of a database as its provider shows it, with the driver that we install."""
    _check_password(address)
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise ConfigError(
            "DATABASE_URL is not a database address such as postgresql://user:password@host/name"
        ) from error
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def _check_password(address: str) -> None:
    """Raise ConfigError if a character of the password would end it, or begin another one.

    The message has no part of the address, as it goes to the log.
    """
    login = address.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    if found := re.search(r"[@/#?]|%(?![0-9A-Fa-f]{2})", password):
        code = f"%{ord(found[0]):02X}"
        raise ConfigError(
            f"DATABASE_URL: its password has {found[0]!r}; percent-encode it (here as {code}):"
            " python -c 'import sys, urllib.parse as u; print(u.quote(sys.argv[1], \"\"))' PASSWORD"
        )


def engine_options(url: URL, pool: int, certificates: str | None = None) -> dict[str, Any]:
    """Return SQLAlchemy's options for connections and their pool; see ``app.db.connections``.

    Both drivers use TLS where the server has it. ``certificates``: a file, by which the server's
    name and certificate are checked.
    """
    backend = url.get_backend_name()
    if backend == "sqlite":
        return {}
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if backend in ("mysql", "mariadb"):
        arguments["read_timeout"] = CONNECT_SECONDS  # while connecting; app.db.connections lifts it
        if certificates:
            arguments |= {"ssl_ca": certificates, "ssl_verify_cert": True}
            arguments["ssl_verify_identity"] = True
    if backend == "postgresql":
        arguments |= {
            "tcp_user_timeout": SILENCE_SECONDS * 1000,
            "keepalives_idle": SILENCE_SECONDS,
            "keepalives_interval": SILENCE_SECONDS,
            "keepalives_count": 1,
        }
        if certificates:
            arguments |= {"sslmode": "verify-full", "sslrootcert": certificates}
    return {
        "pool_size": pool,
        "max_overflow": 0,
        "pool_use_lifo": True,  # lets connections that only a peak needed expire
        "pool_recycle": 1800,
        "pool_timeout": CONNECT_SECONDS,
        "isolation_level": "READ COMMITTED",
        "connect_args": arguments,
    }


def _database_url(values: Mapping[str, Any]) -> URL:
    if values["DATABASE_URL"]:
        return with_driver(values["DATABASE_URL"])
    if values["RDS_HOSTNAME"]:
        driver = DRIVERS["postgresql" if values["RDS_PORT"] == 5432 else "mysql"]
        parts = ("USERNAME", "PASSWORD", "HOSTNAME", "PORT", "DB_NAME")
        return URL.create(driver, *(values[f"RDS_{part}"] for part in parts))
    if not values["DEBUG"]:
        raise ConfigError(
            "DATABASE_URL is not set, nor is RDS_HOSTNAME; production needs a database,"
            " or set DEBUG=True for development"
        )
    INSTANCE.mkdir(exist_ok=True)
    return make_url(f"sqlite:///{INSTANCE / 'marquee.db'}")
