"""Rows of ratings as arrays: keys by number of a dictionary, and bad rows counted and left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.arrays import BoolArray, Float64Array
from recommender.formats.rating_format import LAST_SECOND
from recommender.keys import LONGEST_KEY
from spark_jobs.datasets.catalogue_source.key_texts import KeyTexts
from spark_jobs.datasets.findings import EXAMPLES, Findings

NO_USER, NO_ITEM, NO_VALUE = (f"rows without {name}" for name in ("a user", "an item", "a value"))
BAD_KEY = f"rows with a key longer than {LONGEST_KEY} characters, or with control characters"
NO_NUMBER = "rows whose value is no number"
NOT_FINITE = "rows whose value is NaN or infinite"
OFF_SCALE = "rows whose value is off the scale of the configuration"
BAD_TIME = "rows whose time cannot be read"
NO_TIME = "rows without a time (they count as the oldest)"
BAD = (NO_USER, NO_ITEM, NO_VALUE, BAD_KEY, NO_NUMBER, NOT_FINITE, OFF_SCALE, BAD_TIME)


class Values(NamedTuple):
    """Values from ``low`` to ``high`` are valid. They are multiplied by ``factor``, and are then at
    least ``least``."""

    low: float
    high: float
    factor: float = 1.0
    least: float = 0.0


class RatingBatch(NamedTuple):
    """Good rows in the order read. ``users``, ``items``: numbers of keys, which follow as in
    KeyTexts. ``place``: (partition, number in it). ``rows``: how many were read. ``lowest``,
    ``highest``: of the values as read, NaN without any."""

    place: tuple[int, int]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    seconds: NDArray[np.int64]
    user_text: NDArray[np.uint8]
    user_starts: NDArray[np.int64]
    item_text: NDArray[np.uint8]
    item_starts: NDArray[np.int64]
    rows: int
    lowest: float
    highest: float
    findings: Findings

    @property
    def user_keys(self) -> KeyTexts:
        return KeyTexts(self.user_text, self.user_starts)

    @property
    def item_keys(self) -> KeyTexts:
        return KeyTexts(self.item_text, self.item_starts)


def read_batches(
    part: int, batches: Iterable[pa.RecordBatch], values: Values
) -> Iterator[RatingBatch]:
    """``batches``: of RATINGS_SCHEMA."""
    for number, batch in enumerate(batches):
        if len(batch):
            yield read_batch((part, number), batch, values)


def read_batch(place: tuple[int, int], batch: pa.RecordBatch, values: Values) -> RatingBatch:
    users, items = (_Coded.of(batch[name]) for name in ("user", "item"))
    numbers = _floats(batch["value"])
    seconds = pc.fill_null(batch["seconds"], 0).to_numpy(zero_copy_only=False)
    lost_values, lost_times = (_present(batch[name]) for name in ("bad_value", "bad_time"))
    finite = np.isfinite(numbers)
    no_time = _missing(batch["seconds"]) & ~lost_times
    faults = {
        NO_USER: users.missing,
        NO_ITEM: items.missing,
        BAD_KEY: users.unusable | items.unusable,
        NO_NUMBER: lost_values,
        NO_VALUE: _missing(batch["value"]) & ~lost_values,
        NOT_FINITE: ~finite,
        OFF_SCALE: ~((numbers >= values.low) & (numbers <= values.high)),
        BAD_TIME: lost_times | (seconds < 0) | (seconds > LAST_SECOND),
    }
    findings = Findings()
    good = np.ones(len(batch), bool)
    for kind, rows in faults.items():
        _count(findings, kind, rows & good, batch)
        good &= ~rows
    _count(findings, NO_TIME, no_time & good, batch)
    chosen = slice(None) if good.all() else good
    kept = numbers[chosen]
    scaled = np.maximum(kept * values.factor, values.least)
    user_codes, user_keys = users.kept(chosen)
    item_codes, item_keys = items.kept(chosen)
    return RatingBatch(
        place,
        user_codes,
        item_codes,
        scaled.astype(np.float32),
        seconds[chosen].astype(np.int64, copy=False),
        *user_keys,
        *item_keys,
        rows=len(batch),
        lowest=float(kept.min()) if len(kept) else np.nan,
        highest=float(kept.max()) if len(kept) else np.nan,
        findings=findings,
    )


class _Coded(NamedTuple):
    """A column of keys: the number of each row's key in ``dictionary``, and which rows have none,
    or one that cannot be used."""

    codes: NDArray[np.int32]
    dictionary: pa.Array
    missing: BoolArray
    unusable: BoolArray

    @classmethod
    def of(cls, column: pa.Array) -> _Coded:
        in_dictionary = pa.types.is_dictionary(column.type)
        encoded = column if in_dictionary else column.dictionary_encode()
        nulls = encoded.indices.null_count
        indices = pc.fill_null(encoded.indices, -1) if nulls else encoded.indices
        codes = indices.to_numpy(zero_copy_only=False)
        keys = encoded.dictionary
        blank = _bools(pc.equal(pc.utf8_trim_whitespace(keys), ""))
        odd = _bools(pc.greater(pc.utf8_length(keys), LONGEST_KEY))
        odd |= _bools(pc.match_substring_regex(keys, r"[\x00-\x1f\x7f]"))
        # A row without a key has number -1, which is the last place.
        missing, unusable = np.append(blank, True), np.append(odd, False)
        none = np.zeros(len(codes), bool)
        return cls(
            codes,
            keys,
            missing[codes] if nulls or blank.any() else none,
            unusable[codes] if odd.any() else none,
        )

    def kept(self, good: BoolArray | slice) -> tuple[NDArray[np.int32], KeyTexts]:
        """Return numbers and keys of the good rows, without keys that no such row has."""
        codes = self.codes[good]
        used = np.zeros(len(self.dictionary), bool)
        used[codes] = True
        if used.all():
            return codes, KeyTexts.of(self.dictionary)
        renumbered = (np.cumsum(used) - 1).astype(np.int32)
        return renumbered[codes], KeyTexts.of(self.dictionary.filter(pa.array(used)))


def _count(findings: Findings, kind: str, rows: BoolArray, batch: pa.RecordBatch) -> None:
    """Count rows of a kind, with the first examples in order of their text."""
    if not (count := int(rows.sum())):
        return
    places = np.flatnonzero(rows)[:1000]
    shown = sorted(_shown(batch.slice(int(place), 1).to_pylist()[0]) for place in places)
    findings.counts[kind] = count
    findings.examples[kind] = shown[:EXAMPLES]


def _shown(row: dict[str, Any]) -> str:
    """One row as messages show it."""
    value = row["bad_value"] if row["bad_value"] is not None else row["value"]
    shown = {"user": row["user"], "item": row["item"], "value": value}
    if row["bad_time"] is not None:
        shown["time"] = row["bad_time"]
    return ", ".join(f"{name} {str(text)[:40]!r}" for name, text in shown.items())


def _floats(column: pa.Array) -> Float64Array:
    filled = pc.fill_null(column, np.nan) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.float64)


def _missing(column: pa.Array) -> BoolArray:
    return _bools(pc.is_null(column))


def _present(column: pa.Array) -> BoolArray:
    return ~_missing(column)


def _bools(column: pa.Array) -> BoolArray:
    return np.asarray(column.to_numpy(zero_copy_only=False), bool)
