"""Error pages, and errors of the API."""

from __future__ import annotations

from math import ceil

from flask import Flask, Response, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from gunicorn.http.errors import NoMoreData, ParseException
from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import (
    BadHost,
    BadRequest,
    HTTPException,
    InternalServerError,
    SecurityError,
    ServiceUnavailable,
)

from app.accounts import login_sessions
from app.api import blueprint
from app.db.retry import is_conflict, is_timeout
from app.extensions import db, login_manager
from app.http.negotiation import is_api_path, wants_json
from app.http.request_budget import RETRY_SECONDS as SLOW_RETRY_SECONDS
from app.http.request_budget import BudgetSpent
from app.observability import logs
from app.recommend.model_watcher import serving
from recommender.errors import NoRelease

# Texts of the page by status: a heading, and what to do next.
SAYINGS = {
    400: ("That request made no sense to us", "Go back and try once more."),
    403: ("This is not yours to open", "You may be logged in as someone else."),
    404: ("Nothing is shown at this address", "Search for a title, or start from your own page."),
    405: ("That cannot be done here", "Go back and try once more."),
    413: ("That was more than we can take at once", "Send something smaller."),
    429: ("That was a little too often", "Wait {wait}, then try once more."),
    422: ("We could not use that", "Go back and correct it; what you typed is still there."),
    503: ("Not open yet", "The first recommendations are still being prepared."),
}
TOO_LONG = (
    "That took too long",
    "We gave up, and nothing of it is saved. Try again in a minute, with less at once.",
)
RETRY_SECONDS = 5
AWAY = (
    "Back in a moment",
    "Our records are out of reach just now. What you saved is safe; try again.",
)

BUSY = (
    "Two things at once",
    "Another change came in between, and nothing of this one is saved. Try again.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(BadHost, _no_host)
    app.register_error_handler(SecurityError, _no_host)
    app.register_error_handler(CSRFError, _stale_form)
    for malformed in (ParseException, NoMoreData):
        app.register_error_handler(malformed, _malformed_body)
    app.register_error_handler(NoRelease, _no_release)
    app.register_error_handler(BudgetSpent, _budget_spent)
    for error in (IntegrityError, NoResultFound, ObjectDeletedError, StaleDataError):
        app.register_error_handler(error, _gone_meanwhile)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeout, _no_database)
    app.register_error_handler(HTTPException, _error_page)
    app.register_error_handler(InternalServerError, _failure)


def _error_page(error: HTTPException) -> ResponseReturnValue:
    heading, advice = SAYINGS.get(error.code or 500, (error.name, "Go back and try once more."))
    minutes = ceil((getattr(error, "retry_after", None) or 0) / 60)
    wait = f"{minutes} minutes" if minutes > 1 else "a minute"
    return _answer(heading, advice.format(wait=wait), error)


def _failure(error: InternalServerError) -> ResponseReturnValue:
    advice = "It is our fault, and noted. Try again in a moment."
    return _answer_without_database(serving.feedback_kind.failure, advice, error)


def _database_error(error: DBAPIError) -> ResponseReturnValue:
    """Answer 503 if the database is down, restarting, too slow, or rolled this back in favour of
    another transaction; other errors of it are bugs."""
    if is_timeout(error):
        current_app.logger.error("statement given up: %s", logs.route())
        slow = ServiceUnavailable("the database took too long", retry_after=SLOW_RETRY_SECONDS)
        return _answer_without_database(*TOO_LONG, slow)
    if is_conflict(error):
        current_app.logger.error("conflict in the database: %s", logs.route())
        busy = ServiceUnavailable("another request was in the way", retry_after=RETRY_SECONDS)
        return _answer_without_database(*BUSY, busy)
    if error.statement is not None and not error.connection_invalidated:
        raise error
    return _no_database(error)


def _gone_meanwhile(error: SQLAlchemyError) -> ResponseReturnValue:
    """Ask to log in if the account was deleted while this request was being answered."""
    db.session.rollback()
    if not login_sessions.is_account_gone():
        raise error
    login_sessions.act_as_guest()
    return login_manager.unauthorized()


def _no_database(error: DBAPIError | PoolTimeout) -> ResponseReturnValue:
    reason = " ".join(str(getattr(error, "orig", error)).split())
    current_app.logger.error("no database for %s: %s", logs.route(), reason)
    away = ServiceUnavailable("the database is unreachable", retry_after=RETRY_SECONDS)
    return _answer_without_database(*AWAY, away)


def _no_host(_error: HTTPException) -> ResponseReturnValue:
    """Answer in plain text: pages contain URLs, which need a valid host."""
    return Response("The request names no host of this site.\n", 400, mimetype="text/plain")


def _malformed_body(_error: Exception) -> ResponseReturnValue:
    """Answer a body in invalid chunks, which gunicorn finds while a view reads it."""
    return _error_page(BadRequest("the body is not valid HTTP"))


def _stale_form(error: CSRFError) -> ResponseReturnValue:
    advice = "Go back, reload the page and send it again; you may have logged out meanwhile."
    return _answer("This form has gone stale", advice, error)


def _no_release(error: NoRelease) -> ResponseReturnValue:
    return _error_page(ServiceUnavailable(str(error)))


def _budget_spent(error: BudgetSpent) -> ResponseReturnValue:
    current_app.logger.error("request budget spent: %s", logs.route())
    return _answer_without_database(*TOO_LONG, error)


def _answer_without_database(
    heading: str, advice: str, error: HTTPException
) -> ResponseReturnValue:
    """Answer without the logged-in user, whom templates would load."""
    db.session.rollback()
    login_sessions.act_as_guest()
    return _answer(heading, advice, error, bare=True)


def _answer(
    heading: str, advice: str, error: HTTPException, bare: bool = False
) -> ResponseReturnValue:
    code = error.code or 500
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    if wants_json():
        message = blueprint.explain(error) if is_api_path() else f"{heading}. {advice}"
        return jsonify(code=code, message=message), code, headers
    about = {"code": code, "heading": heading, "advice": advice, "bare": bare}
    page = render_template("error.html", **about, request_id=logs.request_id())
    return page, code, headers
