"""The shelf "New here": titles that were added here lately and that a person does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import exists, func, select

from app.catalogue.availability import added_ids, withdrawn
from app.catalogue.items import items_by_id
from app.db.clock import utcnow
from app.extensions import db
from app.feedback.user_lists import SET_ASIDE
from app.models import AddedTitle, Item, ListEntry, Rating
from recommender.catalogue import FIRST_ADDED_ITEM
from recommender.served_items import ServedItems

# So long a title is new, and so many are shown; those that are put in order are the newest ones.
NEW_FOR = timedelta(days=180)
SHOWN, CANDIDATES = 12, 200
# Scores of titles for a person, by item id; the best fit has the highest.
Fit = Callable[[Sequence[Item]], Mapping[int, float]]


def new_here(
    user_id: int, fit_of: Fit, items: ServedItems, known: Collection[int] = ()
) -> list[Item]:
    """Return titles added within NEW_FOR that a person has not rated, seen or hidden.

    At most SHOWN, the best by ``fit_of`` first, then those without a score, newest first.
    ``items``: of the model, which leaves out those that it was fitted on: they are new no more.
    ``known``: ids that stand elsewhere on the page.
    """
    if not added_ids():
        return []
    rated = exists().where(Rating.user_id == user_id, Rating.item_id == AddedTitle.item_id)
    marked = exists().where(
        ListEntry.user_id == user_id,
        ListEntry.kind.in_(SET_ASIDE),
        ListEntry.item_id == AddedTitle.item_id,
    )
    # Of one table alone: joined with the items, databases would read all of them.
    recent = select(AddedTitle.item_id).where(AddedTitle.added_at > utcnow() - NEW_FOR)
    recent = recent.where(~withdrawn(), ~rated, ~marked)
    recent = recent.order_by(AddedTitle.added_at.desc(), AddedTitle.item_id.desc())
    ids = list(db.session.scalars(recent.limit(CANDIDATES)))
    found, left_out = items_by_id(ids) if ids else {}, {*known, *items.fitted_among(ids)}
    new = [found[i] for i in ids if i not in left_out and found[i].available]
    fit = fit_of(new) if new else {}
    # Sorting is stable: what has no score stays in order of time.
    new.sort(key=lambda item: fit.get(item.id, float("-inf")), reverse=True)
    return new[:SHOWN]


def raters_of_new(item: Item) -> int | None:
    """Return how many people have rated a title that was added here, at this moment; None for any
    other title, whose number is that of its statistics."""
    if item.id < FIRST_ADDED_ITEM or db.session.get(AddedTitle, item.id) is None:
        return None
    counted = select(func.count()).select_from(Rating)
    explicit = counted.where(Rating.item_id == item.id, Rating.is_implicit.is_(False))
    return db.session.scalar(explicit)
