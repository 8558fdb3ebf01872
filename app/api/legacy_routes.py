"""The two routes without the base path, as an earlier service answered them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError

from app.api import access, request_schemas, response_schemas
from app.api.blueprint import Blueprint
from app.api.lookup import user_or_404
from app.api.routes import answer_deleted_user, recommend_and_note
from app.feedback import ratings

services = Blueprint("services", __name__, description="As an earlier service answered.")
access.guard(services)
services.register_error_handler(IntegrityError, answer_deleted_user)


@services.get("/recommendations")
@services.contract(
    response_schemas.ServiceItemsSchema, 404, 503, query=request_schemas.OfUserMaybeInFullSchema
)
def recommendations(user_id: int, in_full: bool) -> dict[str, Any]:
    """The best titles for someone, by id, or with their title and genres."""
    access.authorise([user_id])
    items = [r["item"] for r in recommend_and_note(user_id, request_schemas.FEW)]
    if not in_full:
        return {"items": [{"id": item.id} for item in items]}
    return {
        "items": [{"id": item.id, "title": item.title, "genres": item.genre_list} for item in items]
    }


@services.get("/features")
@services.contract(response_schemas.FeaturesSchema, 404, query=request_schemas.OfUserSchema)
def features(user_id: int) -> dict[str, Any]:
    """Ids of what someone rated, ascending."""
    access.authorise([user_id])
    user_or_404(user_id)
    return {"features": [{"histories": sorted(ratings.ratings_of(user_id))}]}
