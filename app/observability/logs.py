"""Log lines on standard output: a JSON object each, or readable text in development.

Lines of a request have its id. They identify users by id and requests by the rule of their route,
since paths and queries may contain secrets.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

from flask import Flask, current_app, g, has_request_context, request

HEADER = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Secrets that the text of an error may contain, and their replacements.
SECRETS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"://[^\s/@]+@", "://[secret]@"),  # of a database or a mail server
        (r"/(reset|confirm)/[^\s\"'\]]+", r"/\1/[secret]"),
        (r"marquee_[\w-]{43}", "[secret]"),  # app.accounts.api_tokens
        (r"[\w.+%-]{1,64}@[\w-]+(\.[\w-]+)+", "[address]"),  # {1,64}: else quadratic
        (r"(Invalid request) from ip=.*", r"\1"),  # gunicorn, of invalid HTTP
        (r"(Error handling request) .*", r"\1"),  # gunicorn, with path and query
    )
)


def init_app(app: Flask) -> None:
    app.log_exception = _log_exception  # type: ignore[method-assign]


def to_stdout(level: int, readable: bool) -> None:
    """Send the records of all loggers to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Readable("%(levelname)s: %(message)s") if readable else Json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # A connection that breaks at check-in is replaced; the request logs its own failure.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


class Json(logging.Formatter):
    """Formats a record as one line: JSON escapes line breaks, so input cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": _without_secrets(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = _without_secrets(self.formatException(record.exc_info))
        return json.dumps(line)


class Readable(logging.Formatter):
    """Formats a record for developers, including secrets such as links in mails."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = (f"{name}={value}" for name, value in _fields(record).items())
        return " ".join([super().formatMessage(record), *fields])


def request_id() -> str:
    """Return the proxy's id of this request if it is well-formed, else a new one."""
    if "request_id" not in g:
        proxied = request.headers.get(HEADER, "")
        g.request_id = proxied if _REQUEST_ID.fullmatch(proxied) else secrets.token_hex(8)
    request_id_: str = g.request_id
    return request_id_


def route() -> str:
    """Return the rule that the request matched, "unknown" if it matched none."""
    return request.url_rule.rule if request.url_rule else "unknown"


def method() -> str:
    return request.method if request.method in METHODS else "other"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of the request, and those passed as ``extra["fields"]``."""
    fields: dict[str, Any] = getattr(record, "fields", {})
    if not has_request_context():
        return fields
    about = {
        "request_id": request_id(),
        "method": method(),
        "route": route(),
        "user_id": _user_id(),
        "release": ", ".join(g.get("model_versions", ())) or None,
    }
    return {name: value for name, value in about.items() if value is not None} | fields


def _user_id() -> int | None:
    """Return the user of the login or personal token; for a service token the user in the path."""
    user_id: int | None = g.get("user_id")
    return user_id if user_id is not None else (request.view_args or {}).get("user_id")


def _log_exception(exc_info: Any) -> None:
    """Log an exception without the path, which Flask's own method logs."""
    current_app.logger.error("this request failed", exc_info=exc_info)


def _without_secrets(text: str) -> str:
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
