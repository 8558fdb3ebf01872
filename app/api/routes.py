"""The rows of the contract under ``/api/v1``, in its order."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app
from sqlalchemy.exc import IntegrityError

from app.accounts import service as accounts
from app.api import access, schemas
from app.api.blueprint import Blueprint
from app.api.lookup import model_knowing, movie, movies, people, person, taste
from app.catalogue import items as catalogue
from app.experiments.store import note_exposures
from app.extensions import db, serving
from app.feedback import ratings
from app.feedback.profile import UserProfile, count_up_to, profiles_of
from app.models import Item, User
from app.recommend import feedback_kind
from app.recommend.service import fold_in, rate_and_log_prediction, recommend, recommend_many
from app.recommend.variants import ServedVariant
from recommender.explanations import explain
from recommender.item_similarity import similar_items

api = Blueprint("api", __name__, description="People, ratings and recommendations.")
access.guard(api)

MOVIE = "/<word('movie'):movie>/<any_id:movie_id>"
RATING = "/user/<any_id:user_id>/<word('rating'):rating>"
RATINGS = "/user/<any_id:user_id>/<word('ratings'):ratings>"
Answer = dict[str, Any]


@api.errorhandler(IntegrityError)
def gone_meanwhile(_error: IntegrityError) -> Any:
    """Another client deleted the user between our look and our writing."""
    db.session.rollback()
    return {"code": 404, "message": "the user has been deleted meanwhile"}, 404


@api.get("/user/<any_id:user_id>")
@api.answers(schemas.UserSchema, 404)
@api.asks()
def get_user(user_id: int) -> User:
    """Someone by their id."""
    return person(user_id)


@api.put("/user")
@api.answers(schemas.UserSchema)
@api.asks()
@api.reads(schemas.NewUserSchema)
def put_user(gender: str | None, year_of_birth: int | None) -> User:
    """A new user; the id is given here. For service tokens."""
    access.authorise_service()
    return accounts.add_person(gender, year_of_birth)


@api.delete("/user/<any_id:user_id>")
@api.answers(schemas.DeletedUserSchema, 404)
@api.asks()
def delete_user(user_id: int) -> Answer:
    """Delete someone with everything that is theirs."""
    accounts.delete_account(person(user_id))
    return {"user_id": user_id, "msg": "deleted"}


@api.get(f"{RATINGS}/top")
@api.answers(schemas.RatedMoviesSchema, 404)
@api.asks(schemas.LimitSchema)
def top_ratings(user_id: int, limit: int) -> Answer:
    """What someone rated, highest first, newer first among equals."""
    person(user_id)
    rated = ratings.top_rated_items(user_id, limit)
    return {"user_id": user_id, "limit": limit, "ratings": rated}


@api.get(f"{RATINGS}/latest")
@api.answers(schemas.RatedMoviesSchema, 404)
@api.asks(schemas.LimitSchema)
def latest_ratings(user_id: int, limit: int) -> Answer:
    """What someone rated, newest first, higher first among equals."""
    person(user_id)
    rated = ratings.rated_items(user_id, limit)
    return {"user_id": user_id, "limit": limit, "ratings": rated}


@api.put(RATING)
@api.answers(schemas.RatingSchema, 404)
@api.asks()
@api.reads(schemas.MovieRatingSchema)
def put_rating(user_id: int, movie_id: int, rating: float) -> Answer:
    """Rate, in place of any earlier rating; rounded to the nearest half, halves of it upwards."""
    person(user_id)
    served = serving.to_or_none(user_id)
    model = served.model if served else None
    at, _ = rate_and_log_prediction(user_id, movie(movie_id), rating, ratings.REST, model)
    told = {"user_id": user_id, "movie_id": movie_id, "rating": rating}
    return {**told, "is_implicit": False, "ts": at}


@api.delete(RATING)
@api.answers(schemas.DeletedRatingSchema, 404)
@api.asks()
@api.reads(schemas.OfMovieSchema)
def delete_rating(user_id: int, movie_id: int) -> Answer:
    """Remove a rating; done already, it stays done."""
    ratings.unrate(person(user_id).id, movie(movie_id).id)
    return {"user_id": user_id, "movie_id": movie_id, "msg": "deleted"}


@api.put("/user/<any_id:user_id>/watched")
@api.answers(schemas.WatchedSchema, 404)
@api.asks()
@api.reads(schemas.OfMovieSchema)
def put_watched(user_id: int, movie_id: int) -> Answer:
    """Note that someone watched a title, as an implicit rating, unless they rated it."""
    person(user_id)
    item, enough = movie(movie_id), current_app.config["MEAN_NEEDS_RATINGS"]
    ratings.watch(user_id, item.id, feedback_kind.current().watched(item, enough))
    return {"user_id": user_id, "movie_id": movie_id, "watched": True}


@api.delete("/user/<any_id:user_id>/watched")
@api.answers(schemas.WatchedSchema, 404)
@api.asks()
@api.reads(schemas.OfMovieSchema)
def delete_watched(user_id: int, movie_id: int) -> Answer:
    """Take that back; what they rated themselves stays."""
    ratings.unwatch(person(user_id).id, movie(movie_id).id)
    return {"user_id": user_id, "movie_id": movie_id, "watched": False}


@api.get("/user/<any_id:user_id>/recommendations")
@api.answers(schemas.RecommendationsSchema, 404, 503)
@api.asks(schemas.LimitSchema)
def recommendations(user_id: int, limit: int) -> Answer:
    """The best titles for someone by their ratings of this moment; without any, popular ones."""
    own = taste(user_id)
    served = serving.to(user_id)
    found = recommend(served.model, own.ratings, limit, own.hidden)
    note_exposures([(user_id, served, [each.item.id for each in found])])
    return {"user_id": user_id, "recommendations": found}


@api.post("/recommendations/batch")
@api.answers(schemas.BatchResultsSchema, 404, 503)
@api.asks()
@api.reads(schemas.BatchSchema)
def batch(limit: int, requests: list[Answer]) -> Answer:
    """The same for many people at once, known ones and lists of ratings that nobody keeps."""
    user_ids = list(dict.fromkeys(each["user_id"] for each in requests if "user_id" in each))
    lists_of_ratings = [dict(each["ratings"]) for each in requests if "ratings" in each]
    access.authorise(user_ids)
    people(user_ids)
    movies(set().union(*lists_of_ratings))
    _check_size(user_ids, lists_of_ratings)
    known = profiles_of(user_ids)
    tastes = [*known.values(), *map(UserProfile, lists_of_ratings)]
    served = [*map(serving.to, user_ids), *[ServedVariant(serving.model)] * len(lists_of_ratings)]
    lists = recommend_many(
        [by.model for by in served], [t.ratings for t in tastes], limit, [t.hidden for t in tastes]
    )
    # Each user is ranked once, however often the batch names them.
    of_users = dict(zip(user_ids, lists, strict=False))
    of_lists = iter(lists[len(user_ids) :])
    note_exposures(
        [
            (user_id, by, [each.item.id for each in of_users[user_id]])
            for user_id, by in zip(user_ids, served, strict=False)
        ]
    )
    results = [
        {"user_id": each["user_id"], "recommendations": of_users[each["user_id"]]}
        if "user_id" in each
        else {"recommendations": next(of_lists)}
        for each in requests
    ]
    return {"results": results}


def _check_size(user_ids: list[int], lists_of_ratings: list[dict[int, float]]) -> None:
    """422 where the batch would fold in more than it may, before any of it is loaded."""
    most = schemas.MOST_RATINGS
    if sum(map(len, lists_of_ratings)) + count_up_to(most + 1, user_ids) > most:
        abort(
            422,
            f"the ratings and hidden titles of all users and lists together must be at most"
            f" {most:,}; send several batches",
        )


@api.get(MOVIE)
@api.answers(schemas.MovieSchema, 404)
@api.asks()
def get_movie(movie_id: int) -> Item:
    """A title by its id."""
    return movie(movie_id)


@api.get("/<word('movies'):movies>/top")
@api.answers(schemas.TopMoviesSchema)
@api.asks(schemas.LongLimitSchema)
def top_movies(limit: int) -> Answer:
    """Titles, most rated first, better rated first among equals."""
    top = catalogue.most_rated(limit)
    told = [{"avg_rating": i.rating_mean, "votes": i.rating_count, "movie": i} for i in top]
    return {"top_movies": told}


@api.get(f"{MOVIE}/similar")
@api.answers(schemas.SimilarMoviesSchema, 404, 503)
@api.asks(schemas.LimitSchema)
def similar(movie_id: int, limit: int) -> Answer:
    """Titles like a title, most like it first."""
    movie(movie_id)
    near = similar_items(serving.model, movie_id, limit)
    items = catalogue.items_by_id(near)
    return {"movie_id": movie_id, "similar": [items[i] for i in near if i in items]}


@api.get("/user/<any_id:user_id>/estimate/<any_id:movie_id>")
@api.answers(schemas.EstimateSchema, 404, 503)
@api.asks()
def estimate(user_id: int, movie_id: int) -> Answer:
    """What someone would rate a title, as far as their ratings of this moment tell."""
    person(user_id)
    model = model_knowing(movie_id, user_id)
    folded = fold_in(model, ratings.ratings_of(user_id))
    guess = feedback_kind.current().guess(model, folded, [movie_id])[movie_id]
    return {"user_id": user_id, "movie_id": movie_id, "predicted_rating": guess}


@api.get("/user/<any_id:user_id>/because/<any_id:movie_id>")
@api.answers(schemas.BecauseSchema, 404, 503)
@api.asks()
def because(user_id: int, movie_id: int) -> Answer:
    """What each of someone's ratings adds to the score of a title, exactly."""
    person(user_id)
    own = ratings.ratings_of(user_id)
    explained = explain(model_knowing(movie_id, user_id), own, movie_id)
    assert explained is not None
    items = catalogue.items_by_id(explained.parts)
    parts = sorted(explained.parts.items(), key=lambda part: -part[1])
    return {
        "user_id": user_id,
        "movie_id": movie_id,
        "score": explained.score,
        "popularity": explained.popularity,
        "because": [{"item": items[i], "rating": own[i], "part": part} for i, part in parts],
    }


@api.get("/search")
@api.answers(schemas.MoviesSchema)
@api.asks(schemas.SearchSchema)
def search(q: str, limit: int) -> Answer:
    """Titles by any part of their name, in any order, with a typo; the best match first."""
    return {"movies": catalogue.search(q, limit)}
