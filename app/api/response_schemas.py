"""What the API answers."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from app.api import vocabulary


class ResponseSchema(ma.Schema):
    """Writes the names of the release in service."""

    class Meta:
        unknown = ma.RAISE  # the document says that there are no other fields

    @ma.post_dump
    def _translate(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if vocabulary.noun() == vocabulary.MOVIE:
            return data
        return {vocabulary.to_response(key): value for key, value in data.items()}


def _schema(name: str, **content: fields.Field) -> type[ma.Schema]:
    return ResponseSchema.from_dict(content, name=f"{name}Schema")


def _fixed(name: str, **content: fields.Field) -> type[ma.Schema]:
    """Make a schema whose names are the same in every catalogue."""
    return ma.Schema.from_dict(content, name=f"{name}Schema")


def _list(schema: type[ma.Schema]) -> fields.Field:
    return fields.List(fields.Nested(schema), required=True)


WHOLE = fields.Integer(required=True)
NUMBER = fields.Float(required=True)
TEXT = fields.String(required=True)
FLAG = fields.Boolean(required=True)


def _movie(of: str = "", example: str | None = None) -> dict[str, fields.Field]:
    """Return the fields of a movie; ``of`` leads from what is answered to its item."""
    return {
        "movie_id": fields.Integer(required=True, attribute=f"{of}id"),
        "title": fields.String(required=True, attribute=f"{of}title"),
        "year": fields.Integer(required=True, allow_none=True, attribute=f"{of}year"),
        "genres": fields.String(
            required=True,
            attribute=f"{of}genres",
            metadata={"example": example} if example else {},
        ),
        "description": fields.String(required=True, allow_none=True, attribute=f"{of}description"),
    }


ErrorSchema = _fixed("Error", code=WHOLE, message=TEXT)
UserSchema = _schema(
    "User",
    user_id=fields.Integer(required=True, attribute="id"),
    gender=fields.String(required=True, allow_none=True),
    year_of_birth=fields.Integer(required=True, allow_none=True),
)
DeletedUserSchema = _schema("DeletedUser", user_id=WHOLE, msg=TEXT)

MovieSchema = _schema("Movie", **_movie(example="Drama|Comedy"))
MoviesSchema = _schema("Movies", movies=_list(MovieSchema))
SimilarMoviesSchema = _schema("SimilarMovies", movie_id=WHOLE, similar=_list(MovieSchema))
MOVIE = fields.Nested(MovieSchema, required=True)
TopMovieSchema = _schema("TopMovie", avg_rating=NUMBER, votes=WHOLE, movie=MOVIE)
TopMoviesSchema = _schema("TopMovies", top_movies=_list(TopMovieSchema))

ITEM = fields.Nested(MovieSchema, required=True, attribute="item")
RatedMovieSchema = _schema(
    "RatedMovie",
    is_implicit=FLAG,
    movie=ITEM,
    rating=NUMBER,
    ts=fields.DateTime(required=True, attribute="rated_at"),
)
RatedMoviesSchema = _schema(
    "RatedMovies", user_id=WHOLE, limit=WHOLE, ratings=_list(RatedMovieSchema)
)
RatingSchema = _schema(
    "Rating",
    user_id=WHOLE,
    movie_id=WHOLE,
    rating=NUMBER,
    is_implicit=FLAG,
    ts=fields.DateTime(required=True),
)
DeletedRatingSchema = _schema("DeletedRating", user_id=WHOLE, msg=TEXT, movie_id=WHOLE)
WatchedSchema = _schema("Watched", user_id=WHOLE, movie_id=WHOLE, watched=FLAG)

RecommendationSchema = _schema(
    "Recommendation",
    **_movie("item."),
    score=NUMBER,
    predicted_rating=fields.Float(attribute="guess"),
)
RecommendationsSchema = _schema(
    "Recommendations", user_id=WHOLE, recommendations=_list(RecommendationSchema)
)
BatchResultSchema = _schema(
    "BatchResult", user_id=fields.Integer(), recommendations=_list(RecommendationSchema)
)
BatchResultsSchema = _schema("BatchResults", results=_list(BatchResultSchema))

EstimateSchema = _schema("Estimate", user_id=WHOLE, movie_id=WHOLE, predicted_rating=NUMBER)
PartSchema = _schema(
    "Part",
    movie=ITEM,
    rating=NUMBER,
    contribution=fields.Float(required=True, attribute="part"),
)
# The score is the popularity and all contributions together.
BecauseSchema = _schema(
    "Because",
    user_id=WHOLE,
    movie_id=WHOLE,
    score=NUMBER,
    popularity=NUMBER,
    because=_list(PartSchema),
)

ServiceItemSchema = _fixed(
    "ServiceItem",
    id=WHOLE,
    title=fields.String(),
    genres=fields.List(fields.String()),
)
ServiceItemsSchema = _fixed("ServiceItems", items=_list(ServiceItemSchema))
HistorySchema = _fixed("History", histories=fields.List(fields.Integer(), required=True))
FeaturesSchema = _fixed("Features", features=_list(HistorySchema))
