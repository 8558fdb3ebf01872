"""What all routes of the API share: strict parsing and one format of errors."""

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

from app.api import schemas, vocabulary

ERRORS = (401, 403, 422, 429)
ERRORS_OF_BODIES = (413, 415)
LONGEST_SENTENCE = 200
# What webargs and marshmallow put where errors have the name of a field.
NOT_A_FIELD = ("json", "query", "_schema", vocabulary.AS_SENT)
View = TypeVar("View", bound=Callable[..., Any])


def explain(error: HTTPException) -> str:
    """Return the first errors, each with its field; long ones are cut off."""
    messages = getattr(error, "data", {}).get("messages")
    if not messages:
        return _shorten(str(error.description))
    first = islice(_sentences(messages), schemas.MOST_ERRORS)
    return "; ".join(map(_shorten, first))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"


def _sentences(messages: Any, path: str = "", as_sent: bool = False) -> Iterator[str]:
    """Yield "path: message" of each error, its path in the words of the release in service."""
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
        # A body sent in chunks says no length beforehand, and is cut off at the limit.
        most = req.max_content_length
        if req.content_length is None and most is not None and len(content) >= most:
            raise RequestEntityTooLarge
        if content and not req.is_json:
            abort(415, f"the body must be application/json, not {req.mimetype or 'unnamed'}")
        try:
            return json.loads(content, parse_constant=_reject)
        except (ValueError, RecursionError):
            raise UnprocessableEntity("the body is not JSON") from None


def _reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class Blueprint(flask_smorest.Blueprint):
    """Decorators that document and enforce the contract of a route."""

    ARGUMENTS_PARSER = Parser()

    def answers(self, schema: type[ma.Schema], *errors: int) -> Callable[[View], View]:
        """200 with ``schema``, or an error of the one shape with one of the codes."""

        def decorate(view: View) -> View:
            documented = self.response(200, schema)(view)
            for code in (*ERRORS, *errors):
                documented = self.alt_response(code, schema=schemas.ErrorSchema)(documented)
            return documented

        return decorate

    def reads(self, schema: type[ma.Schema]) -> Callable[[View], View]:
        """The body, passed on as keywords."""

        def decorate(view: View) -> View:
            for code in ERRORS_OF_BODIES:
                view = self.alt_response(code, schema=schemas.ErrorSchema)(view)
            return self.arguments(schema, as_kwargs=True)(view)

        return decorate

    def asks(self, schema: type[ma.Schema] = schemas.NothingSchema) -> Callable[[View], View]:
        """The query, passed on as keywords; every row says what its query may hold."""
        return self.arguments(schema, location="query", as_kwargs=True)


class Api(flask_smorest.Api):
    """The OpenAPI document alone: ``app.error_pages`` answers errors."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = schemas.ErrorSchema

    def _register_error_handlers(self) -> None:
        pass
