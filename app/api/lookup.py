"""Look up what a request names by id; 404 with the id if it does not exist."""

from __future__ import annotations

from collections.abc import Collection

from flask import abort
from sqlalchemy import select

from app.api.vocabulary import noun, to_response
from app.catalogue.items import existing_ids
from app.extensions import db
from app.feedback.profile import UserProfile, profile_of
from app.models import Item, User
from app.recommend.model_watcher import serving
from recommender.catalogue import LARGEST_ID
from recommender.model import Model


def person(user_id: int) -> User:
    user = db.session.get(User, user_id) if _possible(user_id) else None
    if user is None:
        abort(404, f"there is no user {user_id}")
    return user


def taste(user_id: int) -> UserProfile:
    """Return a user's profile; one with ratings proves that the user exists."""
    profile = profile_of(user_id) if _possible(user_id) else UserProfile()
    if not profile.ratings:
        person(user_id)
    return profile


def people(user_ids: Collection[int]) -> None:
    """Abort with 404 unless all these users exist."""
    possible = [user_id for user_id in user_ids if _possible(user_id)]
    existing = set(db.session.scalars(select(User.id).where(User.id.in_(possible))))
    if missing := [user_id for user_id in user_ids if user_id not in existing]:
        abort(404, f"there is no user {missing[0]}")


def movie(movie_id: int) -> Item:
    item = db.session.get(Item, movie_id) if _possible(movie_id) else None
    if item is None:
        abort(404, f"there is no {noun()} {movie_id}")
    return item


def movies(movie_ids: Collection[int]) -> None:
    """Abort with 404 unless all these items exist."""
    existing = existing_ids([movie_id for movie_id in movie_ids if _possible(movie_id)])
    if missing := sorted(set(movie_ids) - existing):
        abort(404, f"there is no {noun()} {missing[0]}")


def model_knowing(movie_id: int, user_id: int) -> Model:
    """Return the model that serves the user if it has the item, else abort with 404."""
    model = serving.to(user_id).model
    if not len(model.item_index.known_rows([movie(movie_id).id])):
        abort(
            404, f"the release in service knows no {to_response('ratings')} of {noun()} {movie_id}"
        )
    return model


def _possible(number: int) -> bool:
    """Return whether the number fits an id column; databases answer differently to others."""
    return 0 <= number <= LARGEST_ID
