"""The two rows without the base path, as an earlier service answered them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError

from app.api import access, request_schemas, response_schemas
from app.api.blueprint import Blueprint
from app.api.lookup import person, taste
from app.api.routes import gone_meanwhile
from app.experiments.store import note_exposures
from app.feedback import ratings
from app.recommend.model_watcher import serving
from app.recommend.service import recommend

services = Blueprint("services", __name__, description="As an earlier service answered.")
access.guard(services)
services.register_error_handler(IntegrityError, gone_meanwhile)


@services.get("/recommendations")
@services.contract(
    response_schemas.ServiceItemsSchema, 404, 503, query=request_schemas.OfUserMaybeInFullSchema
)
def recommendations(user_id: int, in_full: bool) -> dict[str, Any]:
    """The best titles for someone, by id, or with their title and genres."""
    access.authorise([user_id])
    profile = taste(user_id)
    served = serving.to(user_id)
    items = [
        r.item
        for r in recommend(served.model, profile.ratings, request_schemas.FEW, profile.hidden)
    ]
    note_exposures([(user_id, served, [item.id for item in items])])
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
    person(user_id)
    return {"features": [{"histories": sorted(ratings.ratings_of(user_id))}]}
