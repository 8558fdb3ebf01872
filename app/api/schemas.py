"""What is read and what is answered. Nothing is guessed: a string is no number, NaN is none."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app import kinds
from app.api import nouns
from app.clock import utcnow
from app.extensions import serving

MOST, FEW, MANY = 1000, 20, 100
MOST_REQUESTS = 1000
# More titles than these in one answer would hold up everyone else.
MOST_IN_ANSWER = 100_000
RATING_MAX, RATING_STEP = 5.0, 0.5
LONGEST_QUERY = 100
LETTERS = "Only letters, blanks and hyphens."


class Schema(ma.Schema):
    """Reads and writes the words of the release; a field that it does not know is an error."""

    class Meta:
        unknown = ma.RAISE

    @ma.pre_load
    def _hear(self, data: Any, **_: Any) -> Any:
        return nouns.heard(data, self.load_fields) if isinstance(data, Mapping) else data

    @ma.post_dump
    def _speak(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if nouns.noun() == nouns.MOVIE:
            return data
        return {nouns.spoken(key): value for key, value in data.items()}


class Whole(fields.Integer):
    """A whole number, as JSON has it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        number = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not number:
            raise self.make_error("invalid", input=value)
        return int(value)


class WrittenWhole(fields.Integer):
    """A whole number, as an address has it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,40}", str(value)):
            raise self.make_error("invalid", input=value)
        return int(value)


class WrittenBoolean(fields.Boolean):
    """``true`` or ``false``."""

    truthy, falsy = {"true"}, {"false"}


class Given(fields.Float):
    """A rating on the scale, rounded to the nearest step, halves of a step upwards; or hours."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        model = serving.model_or_none
        best, step = RATING_MAX, RATING_STEP
        if model is not None:
            best, step = model.catalogue.rating_max, model.catalogue.rating_step
        if not 0 <= value <= best:
            raise ma.ValidationError(f"Must be from 0 to {best:g}.")
        return kinds.current().kept(float(value), step)


def given() -> Given:
    return Given(required=True, metadata={"minimum": 0, "maximum": nouns.HIGHEST})


def limit(default: int) -> WrittenWhole:
    return WrittenWhole(load_default=default, validate=validate.Range(1, MOST))


class Error(ma.Schema):
    code = fields.Integer(required=True)
    message = fields.String(required=True)


# Read


class Nothing(Schema):
    """No query at all."""


class Limit(Schema):
    limit = limit(FEW)


class LongLimit(Schema):
    limit = limit(MANY)


class Search(Limit):
    q = fields.String(required=True, validate=validate.Length(1, LONGEST_QUERY))


class OfUser(Schema):
    user_id = WrittenWhole(required=True)


class OfUserMaybeInFull(OfUser):
    in_full = WrittenBoolean(load_default=False, data_key="returnMetadata")


class NewUser(Schema):
    gender = fields.String(
        required=True,
        allow_none=True,
        validate=[
            validate.Length(1, 16),
            validate.ContainsOnly(string.ascii_letters + " -", error=LETTERS),
        ],
        metadata={"pattern": "^[A-Za-z -]+$"},
    )
    year_of_birth = Whole(
        required=True, allow_none=True, validate=validate.Range(1900, utcnow().year)
    )


class OfMovie(Schema):
    movie_id = Whole(required=True)


class MovieRating(OfMovie):
    rating = given()


class BatchRequest(Schema):
    """Someone known, or a list of ratings of which nothing is kept."""

    user_id = Whole()
    ratings = fields.List(fields.Nested(MovieRating))

    @ma.validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ma.ValidationError(f"Give user_id or {nouns.spoken('ratings')}, one of the two.")


class Batch(Schema):
    limit = Whole(load_default=10, validate=validate.Range(1, MOST))
    requests = fields.List(
        fields.Nested(BatchRequest), required=True, validate=validate.Length(max=MOST_REQUESTS)
    )

    @ma.validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        if data["limit"] * len(data["requests"]) > MOST_IN_ANSWER:
            raise ma.ValidationError(
                f"limit times requests must be at most {MOST_IN_ANSWER:,}; send several batches."
            )


# Answered


class User(Schema):
    user_id = fields.Integer(required=True, attribute="id")
    gender = fields.String(required=True, allow_none=True)
    year_of_birth = fields.Integer(required=True, allow_none=True)


class Movie(Schema):
    movie_id = fields.Integer(required=True, attribute="id")
    title = fields.String(required=True)
    year = fields.Integer(required=True, allow_none=True)
    genres = fields.String(required=True, metadata={"example": "Drama|Comedy"})
    description = fields.String(required=True, allow_none=True)


class RatedMovie(Schema):
    is_implicit = fields.Boolean(required=True)
    movie = fields.Nested(Movie, required=True, attribute="item")
    rating = fields.Float(required=True)
    ts = fields.DateTime(required=True, attribute="rated_at")


class RatedMovies(Schema):
    user_id = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    ratings = fields.List(fields.Nested(RatedMovie), required=True)


class Rating(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    rating = fields.Float(required=True)
    is_implicit = fields.Boolean(required=True)
    ts = fields.DateTime(required=True)


class DeletedUser(Schema):
    user_id = fields.Integer(required=True)
    msg = fields.String(required=True)


class DeletedRating(DeletedUser):
    movie_id = fields.Integer(required=True)


class Watched(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    watched = fields.Boolean(required=True)


class Recommendation(Schema):
    movie_id = fields.Integer(required=True, attribute="item.id")
    title = fields.String(required=True, attribute="item.title")
    year = fields.Integer(required=True, allow_none=True, attribute="item.year")
    genres = fields.String(required=True, attribute="item.genres")
    description = fields.String(required=True, allow_none=True, attribute="item.description")
    score = fields.Float(required=True)
    predicted_rating = fields.Float(attribute="guess")


class Recommendations(Schema):
    user_id = fields.Integer(required=True)
    recommendations = fields.List(fields.Nested(Recommendation), required=True)


class BatchResult(Schema):
    user_id = fields.Integer()
    recommendations = fields.List(fields.Nested(Recommendation), required=True)


class BatchResults(Schema):
    results = fields.List(fields.Nested(BatchResult), required=True)


class TopMovie(Schema):
    avg_rating = fields.Float(required=True)
    votes = fields.Integer(required=True)
    movie = fields.Nested(Movie, required=True)


class TopMovies(Schema):
    top_movies = fields.List(fields.Nested(TopMovie), required=True)


class Movies(Schema):
    movies = fields.List(fields.Nested(Movie), required=True)


class SimilarMovies(Schema):
    movie_id = fields.Integer(required=True)
    similar = fields.List(fields.Nested(Movie), required=True)


class Estimate(Schema):
    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    predicted_rating = fields.Float(required=True)


class Part(Schema):
    movie = fields.Nested(Movie, required=True, attribute="item")
    rating = fields.Float(required=True)
    contribution = fields.Float(required=True, attribute="part")


class Because(Schema):
    """``score`` is ``popularity`` and all contributions together."""

    user_id = fields.Integer(required=True)
    movie_id = fields.Integer(required=True)
    score = fields.Float(required=True)
    popularity = fields.Float(required=True)
    because = fields.List(fields.Nested(Part), required=True)


class ServiceItem(ma.Schema):
    id = fields.Integer(required=True)
    title = fields.String()
    genres = fields.List(fields.String())


class ServiceItems(ma.Schema):
    items = fields.List(fields.Nested(ServiceItem), required=True)


class History(ma.Schema):
    histories = fields.List(fields.Integer(), required=True)


class Features(ma.Schema):
    features = fields.List(fields.Nested(History), required=True)
