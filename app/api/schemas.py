"""What is read and what is answered. Types are strict: NaN is rejected."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, utils, validate

from app.api import vocabulary
from app.db.clock import utcnow
from app.recommend.model_watcher import serving

MOST, FEW, MANY = 1000, 20, 100
MOST_REQUESTS = 1000
# What one batch may cost: titles in its answer, and ratings and hidden titles that it reads.
MOST_IN_ANSWER = 20_000
MOST_RATINGS = 120_000
# A reader needs a few errors to see what is wrong with a list; checking on would only cost time.
MOST_ERRORS = 20
MOST_FIELDS = 50
RATING_MAX, RATING_STEP = 5.0, 0.5
LONGEST_QUERY = 100
LETTERS = "Only letters, blanks and hyphens."


class Schema(ma.Schema):
    """Reads and writes the words of the release in service; an unknown field is an error."""

    class Meta:
        unknown = ma.RAISE

    @ma.pre_load
    def _translate_request(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        if len(data) > MOST_FIELDS:
            raise ma.ValidationError(f"Has {len(data):,} fields; it may have {MOST_FIELDS}.")
        return vocabulary.from_request(data, self.load_fields)

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _reject_our_names(self, _data: Any, original: Any, **_: Any) -> None:
        """Report our names that this catalogue has other words for as unknown."""
        if not isinstance(original, Mapping):
            return
        if unknown := sorted(vocabulary.unknown_names(original, self.load_fields)):
            problems = {name: [self.error_messages["unknown"]] for name in unknown}
            raise ma.ValidationError({vocabulary.AS_SENT: problems})

    @ma.post_dump
    def _translate_answer(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if vocabulary.noun() == vocabulary.MOVIE:
            return data
        return {vocabulary.to_response(key): value for key, value in data.items()}


class WholeNumber(fields.Integer):
    """A whole number, as JSON has it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        if not _is_whole(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class WholeNumberText(fields.Integer):
    """A whole number, as an address has it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,40}", str(value)):
            raise self.make_error("invalid", input=value)
        return int(value)


class BooleanText(fields.Boolean):
    """``true`` or ``false``."""

    truthy, falsy = {"true"}, {"false"}


class RatingValue(fields.Float):
    """A rating on the scale, rounded to the nearest step, halves of a step upwards; or hours."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> float:
        if not _is_number(value):
            raise self.make_error("invalid", input=value)
        best, step = _scale()
        if not 0 <= value <= best:
            raise ma.ValidationError(f"Must be from 0 to {best:g}.")
        return serving.feedback_kind.to_step(float(value), step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _scale() -> tuple[float, float]:
    """The highest rating and the step of the release in service."""
    model = serving.model_or_none
    if model is None:
        return RATING_MAX, RATING_STEP
    return model.catalogue.rating_max, model.catalogue.rating_step


class ListSchema(fields.List):
    """A list whose length is checked before its items, and whose items until a few are wrong."""

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
        """A function that reads one item; made once for each list."""
        return lambda item: self.inner.deserialize(item, **more)


def rating_field() -> RatingValue:
    return RatingValue(required=True, metadata={"minimum": 0, "maximum": vocabulary.HIGHEST})


def limit(default: int) -> WholeNumberText:
    return WholeNumberText(load_default=default, validate=validate.Range(1, MOST))


class ErrorSchema(ma.Schema):
    code = fields.Integer(required=True)
    message = fields.String(required=True)


# Read


class NothingSchema(Schema):
    """No query at all."""


class LimitSchema(Schema):
    limit = limit(FEW)


class LongLimitSchema(Schema):
    limit = limit(MANY)


class SearchSchema(LimitSchema):
    q = fields.String(required=True, validate=validate.Length(1, LONGEST_QUERY))


class OfUserSchema(Schema):
    user_id = WholeNumberText(required=True)


class OfUserMaybeInFullSchema(OfUserSchema):
    in_full = BooleanText(load_default=False, data_key="returnMetadata")


class NewUserSchema(Schema):
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


class OfMovieSchema(Schema):
    movie_id = WholeNumber(required=True)


class MovieRatingSchema(OfMovieSchema):
    rating = rating_field()


class RatingListSchema(ListSchema):
    """(item id, rating) of each ``MovieRatingSchema``; well-formed ones skip marshmallow."""

    def __init__(self) -> None:
        super().__init__(fields.Nested(MovieRatingSchema))

    def _reader(self, **more: Any) -> Callable[[Any], tuple[int, float]]:
        movie_id, rating = vocabulary.to_response("movie_id"), vocabulary.to_response("rating")
        (best, step), kept = _scale(), serving.feedback_kind.to_step

        def read(item: Any) -> tuple[int, float]:
            if isinstance(item, dict) and item.keys() == {movie_id, rating}:
                number, value = item[movie_id], item[rating]
                if _is_whole(number) and _is_number(value) and 0 <= value <= best:
                    return int(number), kept(float(value), step)
            checked = self.inner.deserialize(item, **more)  # says what is wrong
            return checked["movie_id"], checked["rating"]

        return read


class BatchRequestSchema(Schema):
    """Someone known, or a list of ratings of which nothing is kept."""

    user_id = WholeNumber()
    ratings = RatingListSchema()

    @ma.validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ma.ValidationError(
                f"Give user_id or {vocabulary.to_response('ratings')}, one of the two."
            )


class BatchSchema(Schema):
    limit = WholeNumber(load_default=10, validate=validate.Range(1, MOST))
    requests = ListSchema(
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


# Answered


class UserSchema(Schema):
    user_id = fields.Integer(required=True, attribute="id")
    gender = fields.String(required=True, allow_none=True)
    year_of_birth = fields.Integer(required=True, allow_none=True)


class MovieSchema(Schema):
    movie_id = fields.Integer(required=True, attribute="id")
    title = fields.String(required=True)
    year = fields.Integer(required=True, allow_none=True)
    genres = fields.String(required=True, metadata={"example": "Drama|Comedy"})
    description = fields.String(required=True, allow_none=True)


class RatedMovieSchema(Schema):
    is_implicit = fields.Boolean(required=True)
    movie = fields.Nested(MovieSchema, required=True, attribute="item")
    rating = fields.Float(required=True)
    ts = fields.DateTime(required=True, attribute="rated_at")


class RatedMoviesSchema(Schema):
    user_id = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    ratings = fields.List(fields.Nested(RatedMovieSchema), required=True)


class RatingSchema(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    rating = fields.Float(required=True)
    is_implicit = fields.Boolean(required=True)
    ts = fields.DateTime(required=True)


class DeletedUserSchema(Schema):
    user_id = fields.Integer(required=True)
    msg = fields.String(required=True)


class DeletedRatingSchema(DeletedUserSchema):
    movie_id = fields.Integer(required=True)


class WatchedSchema(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    watched = fields.Boolean(required=True)


class RecommendationSchema(Schema):
    movie_id = fields.Integer(required=True, attribute="item.id")
    title = fields.String(required=True, attribute="item.title")
    year = fields.Integer(required=True, allow_none=True, attribute="item.year")
    genres = fields.String(required=True, attribute="item.genres")
    description = fields.String(required=True, allow_none=True, attribute="item.description")
    score = fields.Float(required=True)
    predicted_rating = fields.Float(attribute="guess")


class RecommendationsSchema(Schema):
    user_id = fields.Integer(required=True)
    recommendations = fields.List(fields.Nested(RecommendationSchema), required=True)


class BatchResultSchema(Schema):
    user_id = fields.Integer()
    recommendations = fields.List(fields.Nested(RecommendationSchema), required=True)


class BatchResultsSchema(Schema):
    results = fields.List(fields.Nested(BatchResultSchema), required=True)


class TopMovieSchema(Schema):
    avg_rating = fields.Float(required=True)
    votes = fields.Integer(required=True)
    movie = fields.Nested(MovieSchema, required=True)


class TopMoviesSchema(Schema):
    top_movies = fields.List(fields.Nested(TopMovieSchema), required=True)


class MoviesSchema(Schema):
    movies = fields.List(fields.Nested(MovieSchema), required=True)


class SimilarMoviesSchema(Schema):
    movie_id = fields.Integer(required=True)
    similar = fields.List(fields.Nested(MovieSchema), required=True)


class EstimateSchema(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    predicted_rating = fields.Float(required=True)


class PartSchema(Schema):
    movie = fields.Nested(MovieSchema, required=True, attribute="item")
    rating = fields.Float(required=True)
    contribution = fields.Float(required=True, attribute="part")


class BecauseSchema(Schema):
    """``score`` is ``popularity`` and all contributions together."""

    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    score = fields.Float(required=True)
    popularity = fields.Float(required=True)
    because = fields.List(fields.Nested(PartSchema), required=True)


class ServiceItemSchema(ma.Schema):
    id = fields.Integer(required=True)
    title = fields.String()
    genres = fields.List(fields.String())


class ServiceItemsSchema(ma.Schema):
    items = fields.List(fields.Nested(ServiceItemSchema), required=True)


class HistorySchema(ma.Schema):
    histories = fields.List(fields.Integer(), required=True)


class FeaturesSchema(ma.Schema):
    features = fields.List(fields.Nested(HistorySchema), required=True)
