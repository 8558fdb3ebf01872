"""What the API answers."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from app.api import vocabulary
from app.api.serializers import Style, serializer
from app.api.value_scale import OwnValue
from app.recommend.model_watcher import serving

Fields = dict[str, fields.Field]


class ResponseSchema(ma.Schema):
    """Writes the names of the release in service."""

    class Meta:
        unknown = ma.RAISE  # the document says that there are no other fields

    def dump(self, obj: Any, *, many: bool | None = None) -> dict[str, Any]:
        catalogue = vocabulary.catalogue()
        return serializer(type(self), Style(catalogue, serving.feedback_kind.per_star))(obj)


def _schema(name: str, **content: fields.Field) -> type[ma.Schema]:
    return ResponseSchema.from_dict(content, name=f"{name}Schema")


def _fixed(name: str, **content: fields.Field) -> type[ma.Schema]:
    """Make a schema whose names are the same in every catalogue."""
    return ma.Schema.from_dict(content, name=f"{name}Schema")


def _list(schema: type[ma.Schema]) -> fields.Field:
    return fields.List(fields.Nested(schema), required=True)


WHOLE = fields.Integer(required=True)
NUMBER = fields.Float(required=True)
VALUE = OwnValue(required=True)
TEXT = fields.String(required=True)
FLAG = fields.Boolean(required=True)
OPTIONAL_WHOLE = fields.Integer(required=True, allow_none=True)
OPTIONAL_TEXT = fields.String(required=True, allow_none=True)

ErrorSchema = _fixed("Error", code=WHOLE, message=TEXT)
ID = fields.Integer(required=True, attribute="id")
# In the answers of a keyed catalogue alone.
KEY = OPTIONAL_TEXT
# In those of a catalogue with facts of its own alone.
FACTS = fields.Dict(required=True, attribute="fact_values")
UserSchema = _schema(
    "User", user_id=ID, key=KEY, gender=OPTIONAL_TEXT, year_of_birth=OPTIONAL_WHOLE
)
DeletedUserSchema = _schema("DeletedUser", user_id=WHOLE, msg=TEXT)

MovieSchema = _schema(
    "Movie",
    movie_id=ID,
    key=KEY,
    title=TEXT,
    year=OPTIONAL_WHOLE,
    genres=fields.String(required=True, metadata={"example": "Drama|Comedy"}),
    description=OPTIONAL_TEXT,
    facts=FACTS,
)
MoviesSchema = _schema("Movies", movies=_list(MovieSchema))
SimilarMoviesSchema = _schema("SimilarMovies", movie_id=WHOLE, similar=_list(MovieSchema))
MOVIE = fields.Nested(MovieSchema, required=True)
TopMovieSchema = _schema("TopMovie", avg_rating=VALUE, votes=WHOLE, movie=MOVIE)
TopMoviesSchema = _schema("TopMovies", top_movies=_list(TopMovieSchema))

ITEM = fields.Nested(MovieSchema, required=True, attribute="item")
RATED_AT = fields.DateTime(required=True, attribute="rated_at")
RatedMovieSchema = _schema("RatedMovie", is_implicit=FLAG, movie=ITEM, rating=VALUE, ts=RATED_AT)
RatedMoviesSchema = _schema(
    "RatedMovies", user_id=WHOLE, limit=WHOLE, ratings=_list(RatedMovieSchema)
)
RATING: Fields = {"user_id": WHOLE, "movie_id": WHOLE, "rating": VALUE, "is_implicit": FLAG}
RatingSchema = _schema("Rating", **RATING, ts=fields.DateTime(required=True))
DeletedRatingSchema = _schema("DeletedRating", user_id=WHOLE, msg=TEXT, movie_id=WHOLE)
WatchedSchema = _schema("Watched", user_id=WHOLE, movie_id=WHOLE, watched=FLAG)

RecommendationSchema = _schema(
    "Recommendation",
    movie_id=fields.Integer(required=True, attribute="item.id"),
    key=fields.String(required=True, allow_none=True, attribute="item.key"),
    title=fields.String(required=True, attribute="item.title"),
    year=fields.Integer(required=True, allow_none=True, attribute="item.year"),
    genres=fields.String(required=True, attribute="item.genres"),
    description=fields.String(required=True, allow_none=True, attribute="item.description"),
    facts=fields.Dict(required=True, attribute="item.fact_values"),
    score=NUMBER,
    predicted_rating=OwnValue(attribute="guess"),
)
RECOMMENDATIONS = _list(RecommendationSchema)
RecommendationsSchema = _schema("Recommendations", user_id=WHOLE, recommendations=RECOMMENDATIONS)
BatchResultSchema = _schema(
    "BatchResult", user_id=fields.Integer(), recommendations=RECOMMENDATIONS
)
BatchResultsSchema = _schema("BatchResults", results=_list(BatchResultSchema))

EstimateSchema = _schema("Estimate", user_id=WHOLE, movie_id=WHOLE, predicted_rating=VALUE)
PART = fields.Float(required=True, attribute="part")
PartSchema = _schema("Part", movie=ITEM, rating=VALUE, contribution=PART)
# The score is the popularity and all contributions together.
SCORES: Fields = {"user_id": WHOLE, "movie_id": WHOLE, "score": NUMBER, "popularity": NUMBER}
BecauseSchema = _schema("Because", **SCORES, because=_list(PartSchema))

STRINGS = fields.List(fields.String())
ServiceItemSchema = _fixed("ServiceItem", id=WHOLE, title=fields.String(), genres=STRINGS)
ServiceItemsSchema = _fixed("ServiceItems", items=_list(ServiceItemSchema))
HistorySchema = _fixed("History", histories=fields.List(fields.Integer(), required=True))
FeaturesSchema = _fixed("Features", features=_list(HistorySchema))
