"""Strict parsing and one format of errors, for all routes of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn, TypeVar

import flask_smorest
import marshmallow as ma
from flask import Request, abort
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnprocessableEntity

from app.api import request_schemas, vocabulary
from app.api.response_schemas import ErrorSchema

ERRORS = (401, 403, 422, 429)
ERRORS_OF_BODIES = (413, 415)
LONGEST_SENTENCE = 200
# Of a body of JSON. A rating of a batch has three by this count; each takes up to 100 bytes of
# memory, far more than the body's own size.
MOST_VALUES = 3 * request_schemas.MOST_RATINGS + 10 * request_schemas.MOST_REQUESTS
# Keys of webargs and marshmallow that are not names of fields.
NOT_A_FIELD = ("json", "query", "_schema", vocabulary.AS_SENT)
# Messages of errors that come from Werkzeug, which speaks of browsers and typed URLs.
MESSAGES = {
    400: "the request is not valid HTTP",
    404: "there is nothing at this address: an id is a whole number; /api/v1/docs lists all rows",
    405: "this address does not take this method; /api/v1/docs lists all rows",
    413: "the body is too large",
    500: "this is our fault, and it is logged; try again in a moment",
}
View = TypeVar("View", bound=Callable[..., Any])


def explain(error: HTTPException) -> str:
    """Return the first errors, each with its field; long ones are shortened."""
    messages = getattr(error, "data", {}).get("messages")
    if not messages:
        by_werkzeug = error.description == type(error).description
        own = MESSAGES.get(error.code or 500) if by_werkzeug else None
        return own or _shorten(str(error.description))
    first = islice(_sentences(messages), request_schemas.MOST_ERRORS)
    return "; ".join(map(_shorten, first))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"


def _sentences(messages: Any, path: str = "", as_sent: bool = False) -> Iterator[str]:
    """Yield "path: message" of each error, its path in the names of the release in service."""
    if not isinstance(messages, Mapping):
        sentence = " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
        yield f"{path}: {sentence}" if path else sentence
        return
    for name, inner in messages.items():
        step = str(name) if as_sent else vocabulary.to_response(str(name))
        if name in NOT_A_FIELD:
            step = ""
        yield from _sentences(inner, f"{path}.{step}".strip("."), name == vocabulary.AS_SENT)


class Parser(FlaskParser):
    """Parses strict JSON; rejects unknown names and repeated parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
    }

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        if repeated := [name for name, values in req.args.lists() if len(values) > 1]:
            raise ma.ValidationError({repeated[0]: ["Is given more than once."]})
        return super().load_querystring(req, schema)

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        content = req.get_data()
        # A chunked body has no Content-Length, and is truncated at the limit.
        most = req.max_content_length
        if req.content_length is None and most is not None and len(content) >= most:
            raise RequestEntityTooLarge
        if content and not req.is_json:
            abort(415, f"the body must be application/json, not {req.mimetype or 'unnamed'}")
        if sum(map(content.count, (b"{", b"[", b","))) > MOST_VALUES:
            abort(422, f"the body has more than {MOST_VALUES:,} values; send several smaller ones")
        try:
            return json.loads(content, parse_constant=_reject)
        except (ValueError, RecursionError):
            raise UnprocessableEntity("the body is not JSON") from None


def _reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class Blueprint(flask_smorest.Blueprint):
    """Documents and enforces the contract of each route."""

    ARGUMENTS_PARSER = Parser()

    def contract(
        self,
        answer: type[ma.Schema],
        *errors: int,
        query: type[ma.Schema] = request_schemas.NothingSchema,
        body: type[ma.Schema] | None = None,
        created: bool = False,
    ) -> Callable[[View], View]:
        """Read ``query`` and ``body`` into keywords; answer 200, or an error with one of the codes.

        ``created``: the view returns a status too, which may be 201.
        Every route says what its query may hold, so that unknown parameters are refused.
        """

        def decorate(view: View) -> View:
            if body is not None:
                view = self.arguments(body, as_kwargs=True)(view)
            view = self.arguments(query, location="query", as_kwargs=True)(view)
            view = self.response(200, answer)(view)
            if created:
                view = self.alt_response(201, schema=answer, description="Created")(view)
            for code in (*ERRORS, *(ERRORS_OF_BODIES if body else ()), *errors):
                view = self.alt_response(code, schema=ErrorSchema)(view)
            return view

        return decorate


class Api(flask_smorest.Api):
    """Makes the OpenAPI document, and leaves errors to ``app.error_pages``."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        pass
