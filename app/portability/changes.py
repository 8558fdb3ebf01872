"""Apply what files say to a user's ratings and lists, and record what that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select

from app.catalogue import items as catalogue
from app.db.clock import utcnow
from app.db.upsert import upsert
from app.extensions import db
from app.feedback import user_lists
from app.feedback.ratings import IMPORT, Prediction
from app.feedback.user_lists import SEEN, WATCHLIST
from app.models import ImportChange, ListEntry, Rating
from app.portability import entries
from app.portability.conclusions import NO_EARLIER_THAN
from app.portability.entries import Entry
from app.recommend.service import fold_in
from recommender.model import Model

BATCH = 500
RATING = "rating"
# The columns of a rating that stay those of the first time.
OF_THE_FIRST_TIME = ("predicted", "community", "model_version", "via")
# The columns of a rating that are restored with its value and time.
RESTORED = ("is_implicit", *OF_THE_FIRST_TIME)
BEFORE = ("at_before", "rating_before", *RESTORED)
Entries = Mapping[int, Entry]
Row = TypeVar("Row")
# Columns of a change that nothing was there before.
_NOTHING: dict[str, Any] = dict.fromkeys(("rating_after", *BEFORE))


@dataclass
class Outcome:
    """What was stored: ratings as (value, time), and times of entries of lists, by item id.

    The numbers are those of ``app.portability.import_reports.Report``.
    """

    ratings: dict[int, tuple[float, datetime]] = field(default_factory=dict)
    seen: dict[int, datetime] = field(default_factory=dict)
    wanted: dict[int, datetime] = field(default_factory=dict)
    undecided: set[int] = field(default_factory=set)
    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0


def apply(user_id: int, import_id: int | None, found: Entries, model: Model | None) -> Outcome:
    """Store ratings with their predictions, seen titles, and the watchlist.

    What is newer here stays. A title that is rated is neither put on the list of seen ones nor on
    the watchlist, and a seen one not on the watchlist. ``import_id``: the import that records
    what is changed. The caller commits.
    """
    ratings_before = _ratings_of(user_id)
    lists_before = _lists_of(user_id)
    outcome = _decide(found, ratings_before, lists_before)
    if import_id is not None:
        _record(import_id, outcome, ratings_before, lists_before)
    _store_ratings(user_id, outcome.ratings, ratings_before, model)
    for kind, times in ((SEEN, outcome.seen), (WATCHLIST, outcome.wanted)):
        for batch in batches(list(times.items())):
            user_lists.add(user_id, dict(batch), kind)
    return outcome


def batches(rows: list[Row]) -> Iterator[list[Row]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _ratings_of(user_id: int) -> dict[int, Any]:
    columns = ("item_id", "rating", "rated_at", *RESTORED)
    own = select(*(getattr(Rating, name) for name in columns)).where(Rating.user_id == user_id)
    return {row.item_id: row for row in db.session.execute(own)}


def _lists_of(user_id: int) -> dict[str, dict[int, datetime]]:
    """Return times by item id of each list."""
    own = select(ListEntry.kind, ListEntry.item_id, ListEntry.marked_at)
    times: dict[str, dict[int, datetime]] = {kind: {} for kind in user_lists.KINDS}
    for kind, item_id, at in db.session.execute(own.where(ListEntry.user_id == user_id)):
        times.setdefault(kind, {})[item_id] = at
    return times


def _decide(
    found: Entries, ratings_before: Mapping[int, Any], lists: Mapping[str, Mapping[int, datetime]]
) -> Outcome:
    outcome, now = Outcome(), utcnow()
    for item_id, entry in found.items():
        at = entry.at if entry.at and NO_EARLIER_THAN < entry.at <= now else now
        before = ratings_before.get(item_id)
        is_known = before is not None or item_id in lists[SEEN]
        if entry.value is not None:
            _decide_rating(item_id, entry, at, before, outcome)
        elif is_known or (item_id in lists[WATCHLIST] and entry.mark != entries.SEEN):
            outcome.same += 1
        elif entry.mark == entries.SEEN:
            outcome.seen[item_id] = at
        elif entry.mark == entries.WISHED:
            outcome.wanted[item_id] = at
        else:
            outcome.undecided.add(item_id)
    return outcome


def _decide_rating(item_id: int, entry: Entry, at: datetime, before: Any, outcome: Outcome) -> None:
    value = entry.value
    assert value is not None
    if before is not None and before.is_implicit:
        # What they say themselves takes precedence over the mean of others, however old it is.
        outcome.ratings[item_id] = value, max(at, before.rated_at)
        outcome.changed += 1
    elif before is not None and before.rating == value:
        outcome.same += 1
    elif before is not None and _stays(before, entry, at):
        outcome.kept += 1
    else:
        outcome.ratings[item_id] = value, at
        outcome.new += before is None
        outcome.changed += before is not None


def _stays(before: Any, entry: Entry, at: datetime) -> bool:
    """Return whether the stored rating stays: the newer one; of hours without a date the larger."""
    if entry.at is None:
        return entry.hours is None or before.rating > entry.hours
    return before.rated_at > at


def _store_ratings(
    user_id: int,
    ratings: Mapping[int, tuple[float, datetime]],
    ratings_before: Mapping[int, Any],
    model: Model | None,
) -> None:
    predictions = _predictions(list(ratings), ratings_before, model)
    for batch in batches(list(ratings.items())):
        rows = [
            {
                **{"user_id": user_id, "item_id": item_id, "rating": value, "rated_at": at},
                **{"is_implicit": False, **asdict(predictions[item_id]), "via": IMPORT},
            }
            for item_id, (value, at) in batch
        ]
        upsert(Rating, rows, keep=OF_THE_FIRST_TIME, newest_by="rated_at")


def _predictions(
    item_ids: list[int], ratings_before: Mapping[int, Any], model: Model | None
) -> dict[int, Prediction]:
    stars: dict[int, float] = {}
    if model is not None and item_ids:
        person = fold_in(model, {item: row.rating for item, row in ratings_before.items()})
        stars = model.estimate(person, item_ids)
    version = model.version if model else None
    means = {
        item_id: item.rating_mean
        for batch in batches(item_ids)
        for item_id, item in catalogue.items_by_id(batch).items()
    }
    return {i: Prediction(stars.get(i), means.get(i), version) for i in item_ids}


def _record(
    import_id: int,
    outcome: Outcome,
    ratings_before: Mapping[int, Any],
    lists: Mapping[str, Mapping[int, datetime]],
) -> None:
    """Record what changes. What is recorded of the import already keeps its state before."""
    rows = [
        _change(import_id, RATING, item_id, at, rating_after=value)
        | _before(ratings_before.get(item_id))
        for item_id, (value, at) in outcome.ratings.items()
    ]
    for kind, times in ((SEEN, outcome.seen), (WATCHLIST, outcome.wanted)):
        for item_id, at in times.items():
            rows.append(_change(import_id, kind, item_id, at))
            rows += [
                _change(import_id, left, item_id, None, at_before=lists[left][item_id])
                for left in user_lists.LEFT_FOR[kind]
                if item_id in lists[left]
            ]
    for batch in batches(rows):
        upsert(ImportChange, batch, keep=BEFORE)


def _change(
    import_id: int, kind: str, item_id: int, at: datetime | None, **values: Any
) -> dict[str, Any]:
    key = {"import_id": import_id, "kind": kind, "item_id": item_id}
    return {**key, "at_after": at, **_NOTHING, **values}


def _before(row: Any) -> dict[str, Any]:
    if row is None:
        return {}
    restored = {name: getattr(row, name) for name in RESTORED}
    return {"at_before": row.rated_at, "rating_before": row.rating, **restored}
