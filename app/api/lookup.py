"""Look up what a request names by id; 404 with the id if it does not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from flask import abort
from sqlalchemy import select

from app.api import access
from app.api.vocabulary import IDS_OF_FILMS, MOVIE, is_keyed, noun, to_response
from app.catalogue.added_titles import API, NewTitle, Origin, TakenId, add_title
from app.catalogue.availability import merged_into
from app.catalogue.fact_files import text_of
from app.catalogue.items import existing_ids
from app.catalogue.title_files import is_year_of
from app.extensions import db
from app.feedback.profile import UserProfile, profile_of
from app.models import Item, User
from app.recommend.model_watcher import serving
from recommender.catalogue import LARGEST_ID
from recommender.model import Model

Entity = TypeVar("Entity", User, Item)
# The id of nobody, so that a personal token does not learn which keys there are.
UNKNOWN = -1


def user_or_404(user_id: int) -> User:
    return _get_or_404(User, user_id, "user")


def item_or_404(item_id: int) -> Item:
    """Return an item, or the one that it was merged into."""
    return _get_or_404(Item, merged_into(item_id) if _fits_column(item_id) else item_id, noun())


def user_by_key_or_404(key: str) -> User:
    """Return the user with a key of the catalogue's own, if the token may act for them."""
    user = _by_key(User, key)
    access.authorise([user.id if user else UNKNOWN])
    return user or abort(404, f"there is no user with the key {key!r}")


def item_by_key_or_404(key: str) -> Item:
    """Return the item with a key of the catalogue's own."""
    return _by_key(Item, key) or abort(404, f"there is no {noun()} with the key {key!r}")


def add_or_conflict(facts: Mapping[str, Any]) -> tuple[Item, bool]:
    """Add a title; return its item, and whether it is new. Aborts with 422 for facts that no title
    of the release in service has, 409 for an id of another title."""
    if facts.get("key") is not None and not is_keyed():
        abort(422, "key: the release in service knows no keys; leave it out")
    if named := [name for name in IDS_OF_FILMS if facts.get(name) is not None and noun() != MOVIE]:
        abort(422, f"{named[0]}: is of films alone; leave it out")
    if not is_year_of(facts.get("year"), noun()):
        abort(422, f"year: {facts['year']} is not a year of a {noun()}")
    given = {name: value for name, value in facts.items() if value is not None}
    given["title"] = text_of(given["title"])
    if not given["title"]:
        abort(422, "title: it has no letter; name the title")
    title = NewTitle(**given)
    try:
        return add_title(title, Origin(API))
    except TakenId as taken:
        abort(409, str(taken))


def profile_or_404(user_id: int) -> UserProfile:
    """Return a user's profile; one with ratings proves that the user exists."""
    profile = profile_of(user_id) if _fits_column(user_id) else UserProfile()
    if not profile.ratings:
        user_or_404(user_id)
    return profile


def require_users(user_ids: Collection[int]) -> None:
    """Abort with 404 unless all these users exist."""
    ids = list(filter(_fits_column, user_ids))
    existing = set(db.session.scalars(select(User.id).where(User.id.in_(ids))))
    if missing := [user_id for user_id in user_ids if user_id not in existing]:
        abort(404, f"there is no user {missing[0]}")


def require_items(item_ids: Collection[int]) -> None:
    """Abort with 404 unless all these items exist."""
    existing = existing_ids(list(filter(_fits_column, item_ids)))
    if missing := sorted(set(item_ids) - existing):
        abort(404, f"there is no {noun()} {missing[0]}")


def model_with_item(item_id: int, user_id: int) -> Model:
    """Return the model that serves the user if it has the item, else abort with 404."""
    model = serving.to(user_id).model
    if not len(model.items.index.known_rows([item_or_404(item_id).id])):
        abort(
            404, f"the release in service knows no {to_response('ratings')} of {noun()} {item_id}"
        )
    return model


def _by_key(entity: type[Entity], key: str) -> Entity | None:
    if not is_keyed():
        abort(404, f"the release in service knows no keys; ask for a {noun()} by its id")
    if "\0" in key:  # which PostgreSQL does not take
        return None
    return db.session.scalar(select(entity).where(entity.key == key))


def _get_or_404(entity: type[Entity], number: int, name: str) -> Entity:
    row = db.session.get(entity, number) if _fits_column(number) else None
    if row is None:
        abort(404, f"there is no {name} {number}")
    return row


def _fits_column(number: int) -> bool:
    """Return whether the number fits an id column; databases answer differently to others."""
    return 0 <= number <= LARGEST_ID
