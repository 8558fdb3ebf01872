"""One rating for each pair of user and item, in order of both: the same whatever order, and in
whatever files, the rows were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import BoolArray, Int64Array
from recommender.catalogue import LARGEST_ID
from recommender.item_index import UNKNOWN
from recommender.keys import Keys
from spark_jobs.als.ordering import order_by_row
from spark_jobs.array_cache import CachedArrays, Regrouping, Shared
from spark_jobs.datasets.catalogue_source.batches import RatingBatch
from spark_jobs.datasets.catalogue_source.description import COUNT, MAX, NEWEST, SUM
from spark_jobs.filesystem import on_one_machine
from spark_jobs.ratings import Ratings

# Of one part on one machine. By the number of rows alone, so that parts are the same on each.
ROWS_A_PART = 500_000
MOST_PARTS = 256
# By place of a batch: the position of each of its users, and the id of each item, by number.
Numbers = Mapping[tuple[int, int], tuple[NDArray[np.int32], NDArray[np.int32]]]


class Rows(NamedTuple):
    """Rows as in Ratings, but users are positions of keys. In order of parts: part ``n`` has
    ``bounds[n]`` to ``bounds[n + 1]``."""

    bounds: Int64Array
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]

    @property
    def ratings(self) -> Ratings:
        return Ratings(*self[1:])


class Pairs(NamedTuple):
    """As in Ratings, one row a pair, in order of users and items. ``repeated``: how many rows were
    of a pair that had one, and ``example`` the ids of such a pair. ``capped``: users with more
    pairs than may count."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]
    repeated: int
    example: NDArray[np.int32]
    capped: NDArray[np.int32]


def pair_up(
    batches: CachedArrays[RatingBatch],
    numbers: Shared[Numbers],
    users: Keys,
    rows: int,
    aggregate: str,
    most_per_user: int,
) -> CachedArrays[Pairs]:
    """Bring the rows of each user together, and aggregate those of each pair. Rows of items
    without an id (UNKNOWN) are left out."""
    one_machine = on_one_machine(batches.context)
    parts = rows // ROWS_A_PART if one_machine else batches.context.defaultParallelism
    parts = min(max(1, parts), MOST_PARTS)
    width = -(-len(users) // parts)
    first_id = users.first_id

    def group(batch: RatingBatch) -> Rows:
        user_positions, item_ids = numbers.value[batch.place]
        users, items = user_positions[batch.users], item_ids[batch.items]
        rows = Ratings(users, items, batch.values, batch.seconds)
        listed = items != UNKNOWN
        if not listed.all():
            rows = _taken(rows, listed)
        bounds, order = order_by_row((rows.users // width).astype(np.int32), parts)
        return Rows(bounds, *_taken(rows, order))

    def merge(_: int, pieces: list[Rows]) -> Pairs:
        users = np.concatenate([piece.users for piece in pieces]) + np.int32(first_id)
        items = np.concatenate([piece.items for piece in pieces])
        values = np.concatenate([piece.values for piece in pieces])
        seconds = np.concatenate([piece.seconds for piece in pieces])
        return _aggregated(Ratings(users, items, values, seconds), aggregate, most_per_user)

    return batches.exchange(Regrouping(group, _cut, merge, parts, Rows, Pairs))


def _cut(rows: Rows, part: int) -> Rows:
    piece = slice(rows.bounds[part], rows.bounds[part + 1])
    return Rows(rows.bounds[:0], *_taken(rows.ratings, piece))


def _taken(ratings: Ratings, places: Any) -> Ratings:
    columns: list[Any] = [column[places] for column in ratings]
    return Ratings(*columns)


def _aggregated(rows: Ratings, aggregate: str, most_per_user: int) -> Pairs:
    pair = rows.users.astype(np.int64) << 32 | rows.items
    order = np.argsort(pair)
    ordered = pair[order]
    first = np.ones(len(pair), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    if len(starts) < len(pair):
        _sort_repeated(order, first, rows)
    last = order[np.append(starts[1:], len(pair)) - 1] if len(pair) else order
    combined = AGGREGATES[aggregate](rows.values[order], starts)
    pairs = _taken(rows, last)._replace(values=combined.astype(np.float32, copy=False))
    kept, capped = _newest_of_each(pairs, most_per_user)
    if len(capped):
        pairs = _taken(pairs, kept)
    again = ordered[~first][:1]
    example = np.array([again >> 32, again & LARGEST_ID], np.int32).ravel()
    return Pairs(*pairs, len(pair) - len(starts), example, capped)


def _sort_repeated(order: Int64Array, first: BoolArray, rows: Ratings) -> None:
    """Sort the rows of each repeated pair in place: the newest last, of those the highest."""
    repeated = ~first
    repeated[:-1] |= ~first[1:]
    places = np.flatnonzero(repeated)
    some = order[places]
    keys = (rows.values[some], rows.seconds[some], np.cumsum(first)[places])
    order[places] = some[np.lexsort(keys)]


def _newest_of_each(pairs: Ratings, most: int) -> tuple[BoolArray, NDArray[np.int32]]:
    """Mark the ``most`` newest pairs of each user, of equally new ones those with the lowest ids;
    return the users who have more too."""
    users = pairs.users
    kept = np.ones(len(users), bool)
    starts = np.append(0, np.flatnonzero(users[1:] != users[:-1]) + 1)[: len(users)]
    counts = np.diff(np.append(starts, len(users)))
    over = counts > most
    for start, count in zip(starts[over].tolist(), counts[over].tolist(), strict=True):
        piece = slice(start, start + count)
        newest_first = np.lexsort((pairs.items[piece], -pairs.seconds[piece]))
        kept[start + newest_first[most:]] = False
    return kept, users[starts[over]]


def _sums(values: NDArray[np.float32], starts: Int64Array) -> NDArray[Any]:
    return np.add.reduceat(values.astype(np.float64), starts) if len(starts) else values


def _highest(values: NDArray[np.float32], starts: Int64Array) -> NDArray[Any]:
    return np.maximum.reduceat(values, starts) if len(starts) else values


def _counts(values: NDArray[np.float32], starts: Int64Array) -> NDArray[Any]:
    return np.diff(np.append(starts, len(values)))


def _last(values: NDArray[np.float32], starts: Int64Array) -> NDArray[Any]:
    return values[np.append(starts[1:], len(values)) - 1] if len(starts) else values


AGGREGATES: dict[str, Callable[[NDArray[np.float32], Int64Array], NDArray[Any]]] = {
    NEWEST: _last,
    SUM: _sums,
    MAX: _highest,
    COUNT: _counts,
}
