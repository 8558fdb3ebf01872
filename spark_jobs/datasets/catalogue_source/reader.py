"""Reads a catalogue of one's own: its tables are checked, keys become ids, repeated pairs one.

Ids are given in order of keys and never change: an earlier release's keys come first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from recommender.catalogue import CatalogueItem
from recommender.errors import DataError
from recommender.feedback import EXPLICIT
from recommender.item_index import UNKNOWN
from recommender.keys import MOST_KEYS, NO_KEYS, CatalogueKeys
from spark_jobs.array_cache import CachedArrays, Shared, cache
from spark_jobs.arrow import arrow_batches
from spark_jobs.datasets.catalogue_source.batches import BAD, RatingBatch, read_batches
from spark_jobs.datasets.catalogue_source.columns import RATINGS_SCHEMA, select_ratings
from spark_jobs.datasets.catalogue_source.description import NEWEST, OwnCatalogue, RatingTable
from spark_jobs.datasets.catalogue_source.items import ItemRow, open_items, read_items_table
from spark_jobs.datasets.catalogue_source.key_texts import (
    Positions,
    add_keys,
    alike,
    arrow_keys,
    positions_of,
)
from spark_jobs.datasets.catalogue_source.local_parquet import local_batches
from spark_jobs.datasets.catalogue_source.pairs import Numbers, Pairs, pair_up
from spark_jobs.datasets.catalogue_source.scale import valid_values
from spark_jobs.datasets.catalogue_source.sources import open_table, readable, session_of
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import EXAMPLES, Findings
from spark_jobs.ratings import Ratings

LAYOUT = "tables"
UNLISTED = "ratings of items that the item table does not list"
REPEATED = "repeated pairs, whose ratings count as one ({})"
CAPPED = "users of whom only the {:,} newest ratings count"


def read_catalogue(
    spark: SparkSession, own: OwnCatalogue, known: CatalogueKeys = NO_KEYS
) -> Dataset:
    """Read and check the tables of a catalogue. ``known``: keys that have ids already.

    Raises DataError, before rows are read, for a table or column that is missing or of an unusable
    type; after it for too many bad rows, for explicit feedback of a single value, and where no
    rating is of a listed item.
    """
    session = session_of(spark, own.ratings.timezone)
    items_frame = open_items(session, own)
    ratings_frame = select_ratings(
        open_table(session, own.ratings, own.folder, {}), own.ratings.columns, own.ratings.shown
    )
    table = read_items_table(items_frame, own.items)
    items = table.items
    batches = _read_batches(ratings_frame, own)
    summaries = [*batches.map(lambda b: (b.place, b.rows, len(b.users), b.lowest, b.highest))]
    odd_rows = Findings.merged(batches.map(lambda b: b.findings))
    _check_rows(own.ratings, sum(rows for _, rows, *_ in summaries), odd_rows)
    if own.catalogue.feedback == EXPLICIT:
        _check_values(own, [(low, high) for *_, low, high in summaries if not math.isnan(low)])
    keys, numbers, odd_keys = _give_ids(batches, items, known)
    good = sum(count for _, _, count, *_ in summaries)
    shared = batches.share(numbers)
    unlisted = _unlisted(batches, shared)
    made = pair_up(batches, shared, keys.users, good, own.aggregate, own.ratings.most_per_user)
    shared.unpersist()
    batches.unpersist()
    rows = sum(made.map(lambda pairs: len(pairs.users)))
    if not rows:
        raise DataError(
            f"{own.ratings.shown}: no rating is of an item that {own.items.shown} lists; check that"
            " both `item` columns hold the same keys"
        )
    odd_pairs = _odd_pairs(own, keys, made)
    return Dataset(
        path=own.path,
        name=own.catalogue.name,
        layout=LAYOUT,
        ratings=made.view(lambda pairs: Ratings(*pairs[:4])),
        rows=rows,
        items=_items(items, keys),
        feedback=own.catalogue.feedback,
        findings=Findings.merged([table.findings, odd_rows, odd_keys, unlisted, odd_pairs]),
        keys=keys,
        timed=bool(own.ratings.columns.time),
        facts=table.facts,
    )


def _read_batches(frame: DataFrame, own: OwnCatalogue) -> CachedArrays[RatingBatch]:
    values = valid_values(own)

    def read(part: int, batches: Iterable[pa.RecordBatch]) -> Iterator[RatingBatch]:
        return read_batches(part, batches, values)

    with readable(own.ratings):
        rows = local_batches(frame, own.ratings) or arrow_batches(frame, RATINGS_SCHEMA)
        return cache(rows.mapPartitionsWithIndex(read), RatingBatch)


def _check_rows(table: RatingTable, rows: int, findings: Findings) -> None:
    if not rows:
        raise DataError(f"{table.shown}: holds no ratings; check the path")
    bad = findings.only(BAD)
    if (count := sum(bad.counts.values())) > table.bad_rows * rows:
        raise DataError(
            f"{table.shown}: {count:,} bad of {rows:,} rows, which is more than"
            f" {table.bad_rows:.0%}: {'; '.join(bad.lines())}. Correct the table, `columns` or"
            " `scale`, or raise ratings, bad_rows"
        )


def _check_values(own: OwnCatalogue, ranges: Sequence[tuple[float, float]]) -> None:
    """Refuse explicit feedback of one value only: a list of what people have."""
    if ranges and min(low for low, _ in ranges) == max(high for _, high in ranges):
        raise DataError(
            f"{own.ratings.shown}: every value of column {own.ratings.columns.value!r} is"
            f" {ranges[0][0]:g}, which says who has what and not how they like it; is it"
            " `feedback: implicit`, without a `value` column?"
        )


def _give_ids(
    batches: CachedArrays[RatingBatch], items: Sequence[ItemRow], known: CatalogueKeys
) -> tuple[CatalogueKeys, Numbers, Findings]:
    """Return all keys, the numbers of each batch's keys, and which keys are alike."""
    seen = list(batches.map(lambda b: (b.place, b.user_keys, b.item_keys)))
    places = [place for place, *_ in seen]
    user_keys = [users.arrow() for _, users, _ in seen]
    item_keys = [keys_of_items.arrow() for *_, keys_of_items in seen]
    listed = pa.array([item.key for item in items], pa.large_string())
    keys = CatalogueKeys(
        add_keys(known.users, user_keys, MOST_KEYS["users"], "users"),
        add_keys(known.items, [listed], MOST_KEYS["items"], "items"),
    )
    users = _positions(user_keys, arrow_keys(keys.users))
    ids = positions_of(listed, arrow_keys(keys.items)) + np.int32(keys.items.first_id)
    # One place more for keys that no item has, whose position is UNKNOWN, the last.
    ids = np.append(ids, np.int32(UNKNOWN))
    item_ids = [ids[found] for found in _positions(item_keys, listed)]
    numbers = dict(zip(places, zip(users, item_ids, strict=True), strict=True))
    odd = Findings.merged([alike(arrow_keys(keys.users), "users"), alike(listed, "items")])
    return keys, numbers, odd


def _positions(several: Sequence[pa.Array], among: pa.Array) -> list[Positions]:
    """Return the positions of each array's keys; all are looked up at once."""
    ends = np.cumsum([len(keys) for keys in several])
    return np.split(positions_of(pa.concat_arrays(several), among), ends[:-1])


def _unlisted(batches: CachedArrays[RatingBatch], numbers: Shared[Numbers]) -> Findings:
    """Count the ratings of items that have no id."""

    def count(batch: RatingBatch) -> Findings:
        _, item_ids = numbers.value[batch.place]
        rows = int((item_ids[batch.items] == UNKNOWN).sum())
        if not rows:
            return Findings()
        unlisted = batch.item_keys.arrow().take(pa.array(np.flatnonzero(item_ids == UNKNOWN)))
        examples = [repr(key) for key in sorted(unlisted.to_pylist())[:EXAMPLES]]
        return Findings({UNLISTED: rows}, {UNLISTED: examples})

    return Findings.merged(batches.map(count))


def _odd_pairs(own: OwnCatalogue, keys: CatalogueKeys, made: CachedArrays[Pairs]) -> Findings:
    """Count repeated pairs, and users of whom not all ratings count."""
    findings = Findings()
    untimed = own.aggregate == NEWEST and not own.ratings.columns.time
    repeated = REPEATED.format("the highest, since none has a time" if untimed else own.aggregate)
    capped = CAPPED.format(own.ratings.most_per_user)
    for count, example, users in made.map(lambda p: (p.repeated, p.example.tolist(), p.capped)):
        if count:
            user, item = keys.users.key_of(example[0]), keys.items.key_of(example[1])
            shown = {repeated: [f"user {user!r}, item {item!r}"]}
            findings = Findings.merged([findings, Findings({repeated: count}, shown)])
        for user_id in users.tolist():
            findings.add(capped, repr(keys.users.key_of(user_id)))
    return findings


def _items(rows: Sequence[ItemRow], keys: CatalogueKeys) -> list[CatalogueItem]:
    """Return the items in order of their ids."""
    listed = pa.array([row.key for row in rows], pa.large_string())
    ids = positions_of(listed, arrow_keys(keys.items)) + keys.items.first_id
    items = (row.as_item(item_id) for row, item_id in zip(rows, ids.tolist(), strict=True))
    return sorted(items, key=lambda item: item.item_id)
