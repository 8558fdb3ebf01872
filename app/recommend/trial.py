"""A guest's try: a few ratings in the signed session alone, which an account may take over."""

from __future__ import annotations

from collections.abc import Mapping

from flask import session

from app.catalogue.items import items_by_id, most_rated
from app.models import Item, User
from app.recommend.model_watcher import serving
from app.recommend.service import rate_and_log_prediction

FEWEST, MOST = 3, 12
# Posters on the login page.
STRIP = 8
_KEY = "trial"


def trial_ratings() -> dict[int, float]:
    """Return the guest's ratings by item id; none if the session has more than MOST."""
    stored = session.get(_KEY, {})
    if not isinstance(stored, dict) or len(stored) > MOST:
        return {}
    return {int(item_id): float(value) for item_id, value in stored.items()}


def keep_trial(ratings: Mapping[int, float]) -> None:
    session[_KEY] = {str(item_id): value for item_id, value in ratings.items()}


def give_to(user: User) -> int:
    """Store the guest's ratings as those of a new user; return their number."""
    items = items_by_id(ratings := trial_ratings())
    served = serving.to_or_none(user.id) if items else None
    model = served.model if served else None
    for item_id, item in items.items():
        rate_and_log_prediction(user.id, item, ratings[item_id], "onboarding", model)
    return len(items)


def strip() -> list[Item]:
    """Return well-known items, for their posters on the login page."""
    return most_rated(STRIP)
