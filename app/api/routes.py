"""The routes of the contract under ``/api/v1``, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, current_app
from sqlalchemy.exc import IntegrityError

from app.accounts import service as accounts
from app.api import access, request_schemas, response_schemas
from app.api.blueprint import Blueprint
from app.api.lookup import (
    add_or_conflict,
    item_by_key_or_404,
    item_or_404,
    model_with_item,
    profile_or_404,
    require_items,
    require_users,
    user_by_key_or_404,
    user_or_404,
)
from app.catalogue import items as catalogue
from app.catalogue.fact_filters import FactFilters
from app.catalogue.item_summaries import ItemSummary, summaries_by_id
from app.experiments.store import note_exposures
from app.extensions import db
from app.feedback import ratings
from app.feedback.profile import UserProfile, count_up_to, profiles_of
from app.models import Item, User
from app.recommend.model_watcher import serving
from app.recommend.service import (
    EVERYTHING,
    fold_in,
    rank,
    rank_many,
    rate_and_log_prediction,
)
from app.recommend.service import similar as most_similar
from app.recommend.variants import ServedVariant
from recommender.explanations import explain
from recommender.item_metadata import Filter
from recommender.model import Recommendation

api = Blueprint("api", __name__, description="People, ratings and recommendations.")
access.guard(api)

MOVIE = "/<word('movie'):movie>/<any_id:movie_id>"
RATING = "/user/<any_id:user_id>/<word('rating'):rating>"
SEEN = "/user/<any_id:user_id>/<seen('watched'):watched>"
RATINGS = "/user/<any_id:user_id>/<word('ratings'):ratings>"
Answer = dict[str, Any]


@api.errorhandler(IntegrityError)
def answer_deleted_user(_error: IntegrityError) -> Any:
    """Answer 404 if another client deleted the user between our reading and our writing."""
    db.session.rollback()
    return {"code": 404, "message": "the user has been deleted meanwhile"}, 404


@api.get("/user/<any_id:user_id>")
@api.contract(response_schemas.UserSchema, 404)
def get_user(user_id: int) -> User:
    """Someone by their id."""
    return user_or_404(user_id)


@api.get("/user/by-key/<path:key>")
@api.contract(response_schemas.UserSchema, 404)
def get_user_by_key(key: str) -> User:
    """Someone by their key."""
    return user_by_key_or_404(key)


@api.put("/user")
@api.contract(response_schemas.UserSchema, body=request_schemas.NewUserSchema)
def put_user(gender: str | None, year_of_birth: int | None) -> User:
    """A new user; the id is given here. For service tokens."""
    access.authorise_service()
    return accounts.add_person(gender, year_of_birth)


@api.delete("/user/<any_id:user_id>")
@api.contract(response_schemas.DeletedUserSchema, 404, 409, query=request_schemas.DeletionSchema)
def delete_user(user_id: int, account: bool) -> Answer:
    """Delete someone with everything that is theirs.

    For a service token to delete someone who can log in, `account` must be true.
    """
    user = user_or_404(user_id)
    if user.username is not None and not account and access.is_service():
        abort(409, f"user {user_id} has an account; to delete it as well, add ?account=true")
    accounts.delete_account(user)
    return {"user_id": user_id, "msg": "deleted"}


@api.get(f"{RATINGS}/top")
@api.contract(response_schemas.RatedMoviesSchema, 404, query=request_schemas.LimitSchema)
def top_ratings(user_id: int, limit: int) -> Answer:
    """What someone rated, highest first, newer first among equals."""
    user_or_404(user_id)
    rated = ratings.top_rated_items(user_id, limit)
    return {"user_id": user_id, "limit": limit, "ratings": rated}


@api.get(f"{RATINGS}/latest")
@api.contract(response_schemas.RatedMoviesSchema, 404, query=request_schemas.LimitSchema)
def latest_ratings(user_id: int, limit: int) -> Answer:
    """What someone rated, newest first, higher first among equals."""
    user_or_404(user_id)
    rated = ratings.rated_items(user_id, limit)
    return {"user_id": user_id, "limit": limit, "ratings": rated}


@api.put(RATING)
@api.contract(response_schemas.RatingSchema, 404, body=request_schemas.MovieRatingSchema)
def put_rating(user_id: int, movie_id: int, rating: float) -> Answer:
    """Rate, in place of any earlier rating; rounded to the nearest half, halves of it upwards."""
    user_or_404(user_id)
    served = serving.to_or_none(user_id)
    model = served.model if served else None
    at, _ = rate_and_log_prediction(user_id, item_or_404(movie_id), rating, ratings.REST, model)
    stored = {"user_id": user_id, "movie_id": movie_id, "rating": rating}
    return {**stored, "is_implicit": False, "ts": at}


@api.delete(RATING)
@api.contract(response_schemas.DeletedRatingSchema, 404, body=request_schemas.OfMovieSchema)
def delete_rating(user_id: int, movie_id: int) -> Answer:
    """Remove a rating; done already, it stays done."""
    ratings.unrate(user_or_404(user_id).id, item_or_404(movie_id).id)
    return {"user_id": user_id, "movie_id": movie_id, "msg": "deleted"}


@api.put(SEEN)
@api.contract(response_schemas.WatchedSchema, 404, body=request_schemas.OfMovieSchema)
def put_watched(user_id: int, movie_id: int) -> Answer:
    """Note that someone has seen a title, as an implicit rating, unless they rated it."""
    user_or_404(user_id)
    item, enough = item_or_404(movie_id), current_app.config["MEAN_NEEDS_RATINGS"]
    kind = serving.feedback_kind
    ratings.watch(user_id, item.id, kind.value_if_watched(item, enough), kind.seen_if_watched)
    return {"user_id": user_id, "movie_id": movie_id, "watched": True}


@api.delete(SEEN)
@api.contract(response_schemas.WatchedSchema, 404, body=request_schemas.OfMovieSchema)
def delete_watched(user_id: int, movie_id: int) -> Answer:
    """Take that back; what they rated themselves stays."""
    ratings.unwatch(user_or_404(user_id).id, item_or_404(movie_id).id)
    return {"user_id": user_id, "movie_id": movie_id, "watched": False}


@api.get("/user/<any_id:user_id>/recommendations")
@api.contract(
    response_schemas.RecommendationsSchema, 404, 503, query=request_schemas.FilteredLimitSchema
)
def recommendations(user_id: int, limit: int, facts: FactFilters) -> Answer:
    """The best titles for someone by their ratings of this moment; without any, popular ones."""
    wanted = Filter(ids=facts.ids)
    return {"user_id": user_id, "recommendations": recommend_and_note(user_id, limit, wanted)}


def recommend_and_note(user_id: int, limit: int, wanted: Filter = EVERYTHING) -> list[Answer]:
    """Recommend to a user; if an experiment is running, record what was shown."""
    profile = profile_or_404(user_id)
    served = serving.to(user_id)
    ranked = rank(served.model, profile.ratings, limit, profile.hidden, wanted)
    recommended = listed(ranked, summaries_by_id([r.item_id for r in ranked]))
    note_exposures([(user_id, served, [r["item"].id for r in recommended])])
    return recommended


def listed(ranked: list[Recommendation], items: Mapping[int, ItemSummary]) -> list[Answer]:
    """Join recommendations to their items; one that is gone by now is left out."""
    return [
        {"item": items[r.item_id], "score": r.score, "guess": r.guess}
        for r in ranked
        if r.item_id in items
    ]


@api.post("/recommendations/batch")
@api.contract(response_schemas.BatchResultsSchema, 404, 503, body=request_schemas.BatchSchema)
def batch(limit: int, requests: list[Answer]) -> Answer:
    """The same for many people at once, known ones and lists of ratings that nobody keeps."""
    user_ids = list(dict.fromkeys(r["user_id"] for r in requests if "user_id" in r))
    lists_of_ratings = [dict(r["ratings"]) for r in requests if "ratings" in r]
    access.authorise(user_ids)
    require_users(user_ids)
    require_items(set().union(*lists_of_ratings))
    _check_size(user_ids, lists_of_ratings)
    profiles = [*profiles_of(user_ids).values(), *map(UserProfile, lists_of_ratings)]
    served = [*map(serving.to, user_ids), *[ServedVariant(serving.model)] * len(lists_of_ratings)]
    ranked = rank_many([by.model for by in served], profiles, limit)
    items = summaries_by_id({r.item_id for one in ranked for r in one})
    lists = (listed(one, items) for one in ranked)
    # Each user is ranked once, however often the batch names them.
    of_users = {user_id: next(lists) for user_id in user_ids}
    note_exposures(
        [
            (user_id, by, [r["item"].id for r in recommended])
            for (user_id, recommended), by in zip(of_users.items(), served, strict=False)
        ]
    )
    results = [
        {**r, "recommendations": of_users[r["user_id"]]}
        if "user_id" in r
        else {"recommendations": next(lists)}
        for r in requests
    ]
    return {"results": results}


def _check_size(user_ids: list[int], lists_of_ratings: list[dict[int, float]]) -> None:
    """Abort with 422, before anything is loaded, if the batch would fold in too many ratings."""
    most = request_schemas.MOST_RATINGS
    if sum(map(len, lists_of_ratings)) + count_up_to(most + 1, user_ids) > most:
        abort(
            422,
            f"the ratings and hidden titles of all users and lists together must be at most"
            f" {most:,}; send several batches",
        )


@api.get(MOVIE)
@api.contract(response_schemas.MovieSchema, 404)
def get_movie(movie_id: int) -> Item:
    """A title by its id."""
    return item_or_404(movie_id)


@api.put("/<word('movie'):movie>")
@api.contract(response_schemas.MovieSchema, 409, body=request_schemas.NewMovieSchema, created=True)
def put_movie(**facts: Any) -> tuple[Item, int]:
    """Add a title between two trainings; one that is here by an id of it is answered as it is.

    For service tokens.
    """
    access.authorise_service()
    item, is_new = add_or_conflict(facts)
    return item, 201 if is_new else 200


@api.get("/<word('movie'):movie>/by-key/<path:key>")
@api.contract(response_schemas.MovieSchema, 404)
def get_movie_by_key(key: str) -> Item:
    """A title by its key."""
    return item_by_key_or_404(key)


@api.get("/<word('movies'):movies>/top")
@api.contract(response_schemas.TopMoviesSchema, query=request_schemas.LongLimitSchema)
def top_movies(limit: int) -> Answer:
    """Titles, most rated first, better rated first among equals."""
    top = catalogue.most_rated(limit)
    movies = [{"avg_rating": i.rating_mean, "votes": i.rating_count, "movie": i} for i in top]
    return {"top_movies": movies}


@api.get(f"{MOVIE}/similar")
@api.contract(response_schemas.SimilarMoviesSchema, 404, 503, query=request_schemas.LimitSchema)
def similar(movie_id: int, limit: int) -> Answer:
    """Titles like a title, most like it first."""
    item_or_404(movie_id)
    ids = most_similar(serving.model, movie_id, limit)
    items = summaries_by_id(ids)
    return {"movie_id": movie_id, "similar": [items[i] for i in ids if i in items]}


@api.get("/user/<any_id:user_id>/estimate/<any_id:movie_id>")
@api.contract(response_schemas.EstimateSchema, 404, 503)
def estimate(user_id: int, movie_id: int) -> Answer:
    """What someone would rate a title, as far as their ratings of this moment tell."""
    user_or_404(user_id)
    model = model_with_item(movie_id, user_id)
    folded = fold_in(model, ratings.ratings_of(user_id))
    guess = serving.feedback_kind.predict(model, folded, [movie_id])[movie_id]
    return {"user_id": user_id, "movie_id": movie_id, "predicted_rating": guess}


@api.get("/user/<any_id:user_id>/because/<any_id:movie_id>")
@api.contract(response_schemas.BecauseSchema, 404, 503)
def because(user_id: int, movie_id: int) -> Answer:
    """What each of someone's ratings adds to the score of a title, exactly."""
    user_or_404(user_id)
    rated = ratings.ratings_of(user_id)
    explained = explain(model_with_item(movie_id, user_id), rated, movie_id)
    assert explained is not None
    items = summaries_by_id(explained.parts)
    parts = sorted(explained.parts.items(), key=lambda part: -part[1])
    return {
        "user_id": user_id,
        "movie_id": movie_id,
        "score": explained.score,
        "popularity": explained.popularity,
        "because": [{"item": items[i], "rating": rated[i], "part": part} for i, part in parts],
    }


@api.get("/search")
@api.contract(response_schemas.MoviesSchema, query=request_schemas.SearchSchema)
def search(q: str, limit: int) -> Answer:
    """Titles by any part of their name, in any order, with a typo; the best match first."""
    return {"movies": catalogue.search(q, limit, serving.titles)}
