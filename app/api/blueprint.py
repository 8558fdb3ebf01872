"""What every row of the API shares: strict reading, one shape of errors."""

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
View = TypeVar("View", bound=Callable[..., Any])


def explain(error: HTTPException) -> str:
    """What is wrong, each field by its name; the first errors alone, and long input cut off."""
    messages = getattr(error, "data", {}).get("messages")
    if not messages:
        return _shorten(str(error.description))
    first = islice(_sentences(messages), schemas.MOST_ERRORS)
    return "; ".join(map(_shorten, first))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"


def _sentences(messages: Any, path: str = "") -> Iterator[str]:
    if not isinstance(messages, Mapping):
        told = " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
        yield f"{path}: {told}" if path else told
        return
    for name, inner in messages.items():
        # webargs says first where the fields stand, marshmallow names what is of no field.
        step = (
            ""
            if name in ("json", "query", "_schema")
            else vocabulary.to_response(str(name)).strip()
        )
        yield from _sentences(inner, f"{path}.{step}".strip("."))


class Parser(FlaskParser):
    """JSON as its standard has it, and no name that is not in the document."""

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
            return json.loads(content, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise UnprocessableEntity("the body is not JSON") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class Blueprint(flask_smorest.Blueprint):
    """``@answers(schema, errors…)`` and ``@reads(schema)`` say a row's contract and hold it."""

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
    """The OpenAPI document alone: errors are told by ``app.error_pages``."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = schemas.ErrorSchema

    def _register_error_handlers(self) -> None:
        pass
