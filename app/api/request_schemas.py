"""What clients may send. Types are strict: NaN is rejected.

A number in a body may be text, as clients of the earlier services send it; other text is none.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, utils, validate

from app.api import vocabulary
from app.api.fact_parameters import SEVERAL, fact_parameters
from app.api.value_scale import HIGHEST, LOWEST, STEP, own_scale, to_stored
from app.catalogue.fact_files import (
    LONGEST_ADDRESS,
    LONGEST_DESCRIPTION,
    LONGEST_TEXT,
    READERS,
    BadValue,
    text_of,
)
from app.catalogue.fact_filters import BadFilter, FactFilters
from app.catalogue.items import LONGEST_KEY
from app.catalogue.title_files import IMDB_ID, read_imdb_id
from app.db.clock import utcnow
from app.recommend.model_watcher import serving
from recommender.catalogue import LARGEST_ID

MOST, FEW, MANY = 1000, 20, 100
MOST_REQUESTS = 1000
# What one batch may cost: items in its answer, and ratings and hidden items that it reads.
MOST_IN_ANSWER = 20_000
MOST_RATINGS = 200_000
# A few errors show what is wrong with a list; checking the rest would only cost time.
MOST_ERRORS = 20
MOST_FIELDS = 50
LONGEST_QUERY = 100
NUMBER = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$"
LETTERS = "Only letters, blanks and hyphens."


class RequestSchema(ma.Schema):
    """Reads the names of the release in service; an unknown field is an error."""

    class Meta:
        unknown = ma.RAISE

    @ma.pre_load
    def _translate(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        if len(data) > MOST_FIELDS:
            raise ma.ValidationError(f"Has {len(data):,} fields; it may have {MOST_FIELDS}.")
        return vocabulary.from_request(data, self.load_fields)

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _reject_our_names(self, _data: Any, original: Any, **_: Any) -> None:
        """Report as unknown those of our names that this catalogue has other names for."""
        if not isinstance(original, Mapping):
            return
        if unknown := sorted(vocabulary.unknown_names(original, self.load_fields)):
            problems = {name: [self.error_messages["unknown"]] for name in unknown}
            raise ma.ValidationError({vocabulary.AS_SENT: problems})


class WholeNumber(fields.Integer):
    """A whole number in JSON, or as text."""

    PATTERN = r"^-?[0-9]{1,40}(\.0{1,40})?$"

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        number = _from_text(value)
        if not _is_whole(number):
            raise self.make_error("invalid", input=value)
        return int(number)


class WholeNumberText(fields.Integer):
    """A whole number in a query."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,40}", str(value)):
            raise self.make_error("invalid", input=value)
        return int(value)


class RatingValue(fields.Float):
    """A rating on the scale, also as text, rounded to the nearest step, halves of a step upwards;
    or hours."""

    PATTERN = NUMBER

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> float:
        number = _from_text(value)
        if not _is_number(number):
            raise self.make_error("invalid", input=value)
        scale = own_scale()
        if not scale.low <= number <= scale.high:
            raise ma.ValidationError(f"Must be from {scale.low:g} to {scale.high:g}.")
        return to_stored(float(number), scale)


def _from_text(value: Any) -> Any:
    """Return the number that a text holds; anything else as it is."""
    if isinstance(value, str) and re.fullmatch(NUMBER, value):
        whole, _, fraction = value.partition(".")
        return float(value) if fraction.strip("0") else int(whole)
    return value


def document_number_as_text(_converter: Any, field: fields.Field, ret: Any) -> dict[str, Any]:
    """Add the text of a number to a field's type in the OpenAPI document; of the other keywords
    each holds for one of the two types."""
    if not isinstance(field, WholeNumber | RatingValue):
        return {}
    types = ret["type"] if isinstance(ret["type"], list) else [ret["type"]]
    return {"type": [types[0], "string", *types[1:]], "pattern": field.PATTERN}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


class BoundedList(fields.List):
    """Checks its length before its items, and its items until MOST_ERRORS are wrong."""

    def _deserialize(self, value: Any, *_: Any, **more: Any) -> list[Any]:
        if not utils.is_collection(value):
            raise self.make_error("invalid")
        self._validate(value)
        read, items, errors = self._reader(**more), [], {}
        for position, item in enumerate(value):
            try:
                items.append(read(item))
            except ma.ValidationError as error:
                errors[position] = error.messages
                if len(errors) == MOST_ERRORS:
                    break
        if errors:
            raise ma.ValidationError(errors)
        return items

    def _reader(self, **more: Any) -> Callable[[Any], Any]:
        """Return a function that reads one item; called once for each list."""
        return lambda item: self.inner.deserialize(item, **more)


class NothingSchema(RequestSchema):
    """No parameters."""


class LimitSchema(RequestSchema):
    limit = WholeNumberText(load_default=FEW, validate=validate.Range(1, MOST))


class FactFiltersField(fields.Field):
    """Filters by a catalogue's own facts, each of which has its parameters: in the document this
    field stands for all of them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> FactFilters:
        if not isinstance(value, FactFilters):  # a client's parameter of the same name
            raise ma.ValidationError("Unknown field.")
        return value


class FilteredLimitSchema(LimitSchema):
    facts = FactFiltersField(load_default=FactFilters)

    @ma.pre_load
    def _read_facts(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        own = fact_parameters(serving.facts)
        given = {name: value.split(SEVERAL) for name, value in data.items() if name in own}
        if not given:
            return data
        try:
            filters = FactFilters.of(given, serving.facts, strict=True)
        except BadFilter as error:
            raise ma.ValidationError({error.parameter: [str(error)]}) from error
        rest = {name: value for name, value in data.items() if name not in given}
        return {"facts": filters, **rest}


class LongLimitSchema(RequestSchema):
    limit = WholeNumberText(load_default=MANY, validate=validate.Range(1, MOST))


class SearchSchema(LimitSchema):
    q = fields.String(required=True, validate=validate.Length(1, LONGEST_QUERY))


class OfUserSchema(RequestSchema):
    user_id = WholeNumberText(required=True)


class OfUserMaybeInFullSchema(OfUserSchema):
    in_full = fields.Boolean(
        truthy={"true"}, falsy={"false"}, load_default=False, data_key="returnMetadata"
    )


class DeletionSchema(RequestSchema):
    account = fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=False)


class NewUserSchema(RequestSchema):
    gender = fields.String(
        required=True,
        allow_none=True,
        validate=[
            validate.Length(1, 16),
            validate.ContainsOnly(string.ascii_letters + " -", error=LETTERS),
        ],
        metadata={"pattern": "^[A-Za-z -]+$"},
    )
    year_of_birth = WholeNumber(
        required=True, allow_none=True, validate=validate.Range(1900, utcnow().year)
    )


class Fact(fields.String):
    """A fact of a title, checked as in ``flask add-titles``; None where it has none."""

    def __init__(self, read: Callable[[Any], Any], longest: int, **more: Any):
        about = {"maxLength": longest, **more.pop("metadata", {})}
        super().__init__(allow_none=True, metadata=about, **more)
        self._read, self._is_short = read, validate.Length(max=longest)

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        try:
            text = self._is_short(super()._deserialize(value, *rest, **more))
            return self._read(text) or None
        except BadValue as error:
            raise ma.ValidationError(f"Is not {error}.") from None


class NewMovieSchema(RequestSchema):
    """A title to add: genres and creators as in "Comedy|Drama"."""

    title = fields.String(
        required=True,
        validate=[validate.Length(1, LONGEST_TEXT), validate.Regexp(r"(?s).*\S")],
        metadata={"pattern": r"\S"},
    )
    year = WholeNumber(allow_none=True)
    genres = Fact(READERS["genres"], LONGEST_TEXT, metadata={"example": "Drama|Comedy"})
    creators = Fact(READERS["creators"], LONGEST_TEXT)
    imdb_id = Fact(read_imdb_id, 16, metadata={"pattern": IMDB_ID.pattern})
    tmdb_id = WholeNumber(allow_none=True, validate=validate.Range(1, LARGEST_ID))
    key = Fact(text_of, LONGEST_KEY)
    description = Fact(text_of, LONGEST_DESCRIPTION)
    image = Fact(READERS["image"], LONGEST_ADDRESS)
    link = Fact(READERS["link"], LONGEST_ADDRESS)


class OfMovieSchema(RequestSchema):
    movie_id = WholeNumber(required=True)


class MovieRatingSchema(OfMovieSchema):
    rating = RatingValue(
        required=True, metadata={"minimum": LOWEST, "maximum": HIGHEST, "multipleOf": STEP}
    )


class RatingList(BoundedList):
    """(item id, rating) of each ``MovieRatingSchema``; well-formed ones skip marshmallow."""

    def __init__(self) -> None:
        super().__init__(fields.Nested(MovieRatingSchema))

    def _reader(self, **more: Any) -> Callable[[Any], tuple[int, float]]:
        movie_id, rating = vocabulary.to_response("movie_id"), vocabulary.to_response("rating")
        scale = own_scale()

        def read(item: Any) -> tuple[int, float]:
            if isinstance(item, dict) and item.keys() == {movie_id, rating}:
                number, value = item[movie_id], item[rating]
                if isinstance(number, str):
                    number = _from_text(number)
                if isinstance(value, str):
                    value = _from_text(value)
                fits = _is_number(value) and scale.low <= value <= scale.high
                if fits and _is_whole(number):
                    return int(number), to_stored(float(value), scale)
            checked = self.inner.deserialize(item, **more)  # raises with the reason
            return checked["movie_id"], checked["rating"]

        return read


class BatchRequestSchema(RequestSchema):
    """A user, or a list of ratings that is not stored."""

    user_id = WholeNumber()
    ratings = RatingList()

    @ma.validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ma.ValidationError(
                f"Give user_id or {vocabulary.to_response('ratings')}, one of the two."
            )


class BatchSchema(RequestSchema):
    limit = WholeNumber(load_default=10, validate=validate.Range(1, MOST))
    requests = BoundedList(
        fields.Nested(BatchRequestSchema),
        required=True,
        validate=validate.Length(max=MOST_REQUESTS),
    )

    @ma.validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        if data["limit"] * len(data["requests"]) > MOST_IN_ANSWER:
            raise ma.ValidationError(
                f"limit times requests must be at most {MOST_IN_ANSWER:,}; send several batches."
            )
