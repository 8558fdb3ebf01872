"""Fold in the items that the release in service was not fitted on, for all processes at once.

One process of all computes them, in the turn that refreshes the statistics, and stores them; every
process reads them when another edition of them is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby, islice
from math import log2
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import delete, func, insert, or_, select, update

from app.catalogue.items import BATCH, MOST_PARAMETERS, batches, existing_ids, locked_state
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.feedback.profile import profiles_of
from app.models import AddedTitle, CatalogueState, FoldedItem, Item, Rating
from recommender.added_items import NOTHING_ADDED, PASSED_OVER, AddedItems
from recommender.catalogue import FIRST_ADDED_ITEM
from recommender.model import Model, RatingsByItem
from recommender.new_items import Given, NewItem, fold_in_new_items
from recommender.storage.release import Release

# Of one item, the newest ratings: more of them tell nothing new.
MOST_RATERS = 200
# Of a source's row and weight.
SOURCE_BYTES = 6


class StoredItems:
    """What is folded into the models of releases, kept by a process until others are stored."""

    def __init__(self) -> None:
        self._edition: int | None = None
        self._by_version: dict[str, AddedItems] = {}

    def refresh(self) -> None:
        """Forget what was read, if others are stored by now."""
        edition = db.session.scalar(select(CatalogueState.folded_edition)) or 0
        if edition != self._edition:
            self._edition, self._by_version = edition, {}

    def beside(self, model: Model) -> Model:
        """Return the model with what is folded into it."""
        version = model.version
        if version not in self._by_version:
            self._by_version[version] = stored(model.release) if self._edition else NOTHING_ADDED
        return model.with_added(self._by_version[version])


def stored(release: Release) -> AddedItems:
    """Return the items that are folded into the model of a release."""
    columns = FoldedItem, Item.genres, Item.year
    query = select(*columns).join(Item, Item.id == FoldedItem.item_id)
    query = query.where(FoldedItem.version == release.version).order_by(FoldedItem.item_id)
    rows = db.session.execute(query).all()
    if not rows:
        return NOTHING_ADDED
    rank, folded = release.ranking.rank, [row.FoldedItem for row in rows]
    vectors = np.frombuffer(b"".join(item.vectors for item in folded), np.float16)
    vectors = vectors.reshape(len(rows), -1)
    numbers = [len(item.sources) // SOURCE_BYTES for item in folded]
    sources = [
        np.frombuffer(item.sources, np.int32, number)
        for item, number in zip(folded, numbers, strict=True)
    ]
    weights = [
        np.frombuffer(item.sources, np.float16, number, 4 * number)
        for item, number in zip(folded, numbers, strict=True)
    ]
    items = AddedItems(
        item_ids=np.array([item.item_id for item in folded], np.int64),
        ranking_factors=vectors[:, :rank].copy(),
        rating_factors=vectors[:, rank:].copy(),
        item_bias=np.array([item.bias for item in folded], np.float32),
        counts=np.array([item.rating_count for item in folded], np.int64),
        means=np.array([item.rating_mean for item in folded], np.float32),
        popularity_counts=np.array([item.popularity_count for item in folded]),
        source_starts=np.cumsum([0, *numbers]),
        source_rows=np.concatenate(sources),
        source_weights=np.concatenate(weights),
        genres=[_names(row.genres) for row in rows],
        years=[row.year for row in rows],
    )
    db.session.expunge_all()
    return items


def fold_in_again(models: Sequence[Model]) -> bool:
    """Fold the items that each of the models was not fitted on into it, and store them; return
    whether anything has changed. The models may have added items."""
    releases = {model.version: model for model in models if model.release.item_prior is not None}
    found = {version: _items_without_factors(model) for version, model in releases.items()}
    origin = _digest(found)
    if origin == db.session.scalar(select(CatalogueState.folded_from)):
        db.session.rollback()
        return False
    db.session.rollback()  # releases what was read, since folding in takes seconds
    added = {
        version: fold_in_new_items(model.with_added(NOTHING_ADDED), *found[version], _ratings_of)
        for version, model in releases.items()
    }
    _store(added, origin)
    return True


def _items_without_factors(model: Model) -> tuple[list[NewItem], Given]:
    """Return items that were added here, or rated though training knew no rating of them, and their
    ratings."""
    columns = Item.id, Item.year, Item.genres, Item.creators, AddedTitle.added_at
    query = select(*columns, Item.rating_count, Item.rating_mean)
    query = query.outerjoin(AddedTitle, AddedTitle.item_id == Item.id)
    query = query.where(or_(Item.id >= FIRST_ADDED_ITEM, Item.rating_count > 0))
    query = query.where(AddedTitle.merged_into.is_(None)).order_by(Item.id)
    every = db.session.execute(query).all()
    fitted = np.isin([row.id for row in every], model.release.arrays.item_ids)
    rows = [row for row, is_fitted in zip(every, fitted, strict=True) if not is_fitted]
    since = _ratings_since([row.added_at for row in rows], model.release)
    items = [
        NewItem(
            row.id,
            row.year,
            _names(row.genres),
            _names(row.creators),
            row.rating_count,
            row.rating_mean,
            later,
        )
        for row, later in zip(rows, since, strict=True)
    ]
    return items, _newest_ratings([row.id for row in rows])


def _names(joined: str) -> tuple[str, ...]:
    return tuple(joined.split("|")) if joined else ()


def _ratings_since(moments: Sequence[datetime | None], release: Release) -> list[int]:
    """Return how many ratings were given on the day of each moment or later; None stands for the
    moment when the release was made."""
    made = datetime.fromisoformat(release.created_at)
    days = [str((moment or made).date()) for moment in moments]
    if not days:
        return []
    oldest = datetime.fromisoformat(min(days)).replace(tzinfo=UTC)
    given_on = func.date(Rating.rated_at)
    counted = select(given_on, func.count()).where(Rating.rated_at >= oldest).group_by(given_on)
    by_day = {str(day): count for day, count in db.session.execute(counted)}
    later, since = 0, {}
    for day in sorted({*by_day, *days}, reverse=True):
        later += by_day.get(day, 0)
        since[day] = later
    return [since[day] for day in days]


def _newest_ratings(item_ids: Sequence[int]) -> Given:
    """Return the newest MOST_RATERS ratings of each item."""
    rows: list[tuple[int, int, float]] = []
    columns = Rating.item_id, Rating.user_id, Rating.rating
    for ids in batches(item_ids, MOST_PARAMETERS):
        query = select(*columns).where(Rating.item_id.in_(ids))
        query = query.order_by(Rating.item_id, Rating.rated_at.desc(), Rating.user_id)
        for _, of_item in groupby(db.session.execute(query), key=itemgetter(0)):
            rows.extend((item, user, value) for item, user, value in islice(of_item, MOST_RATERS))
    items, users, values = zip(*rows, strict=True) if rows else ((), (), ())
    return Given(np.array(users, np.int64), np.array(items, np.int64), np.array(values, float))


def _ratings_of(user_ids: Sequence[int]) -> Mapping[int, RatingsByItem]:
    ratings = {user: profile.ratings for user, profile in profiles_of(user_ids).items()}
    db.session.rollback()
    return ratings


def _digest(found: Mapping[str, tuple[list[NewItem], Given]]) -> str:
    """Return a digest of what the vectors come from. How much was rated since an item came counts
    once it has grown by a fifteenth: it only moves popularity."""
    digest = hashlib.sha256()
    for version, (items, given) in found.items():
        rounded = [replace(i, since=round(10 * log2(i.since + PASSED_OVER))) for i in items]
        digest.update(f"{version} {rounded}".encode())
        for column in given:
            digest.update(column.tobytes())
    return digest.hexdigest()


@retry_on_conflict
def _store(added: Mapping[str, AddedItems], origin: str) -> None:
    """Replace what is stored."""
    locked_state()
    db.session.execute(delete(FoldedItem))
    for version, items in added.items():
        there = existing_ids(items.item_ids.tolist())
        rows = (row for row in _rows(version, items) if row["item_id"] in there)
        for batch in batches(rows, BATCH):
            db.session.execute(insert(FoldedItem), batch)
    later = CatalogueState.folded_edition + 1
    db.session.execute(update(CatalogueState).values(folded_edition=later, folded_from=origin))
    db.session.commit()


def _rows(version: str, items: AddedItems) -> Iterator[dict[str, Any]]:
    for row, item_id in enumerate(items.item_ids.tolist()):
        vectors = items.ranking_factors[row].tobytes() + items.rating_factors[row].tobytes()
        part = slice(items.source_starts[row], items.source_starts[row + 1])
        sources = items.source_rows[part].tobytes() + items.source_weights[part].tobytes()
        yield {
            "version": version,
            "item_id": item_id,
            "vectors": vectors,
            "sources": sources,
            "bias": float(items.item_bias[row]),
            "rating_count": int(items.counts[row]),
            "rating_mean": float(items.means[row]),
            "popularity_count": float(items.popularity_counts[row]),
        }
