"""What looks wrong in a catalogue of one's own, though it can be read: for ``explore``."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.keys import Keys
from spark_jobs.datasets.catalogue_source.description import OwnCatalogue
from spark_jobs.datasets.catalogue_source.key_texts import arrow_keys
from spark_jobs.datasets.dataset import Dataset
from spark_jobs.datasets.findings import Findings
from spark_jobs.ratings import Ratings

ONE_VALUE = "ratings that all have the same value (does the column count anything?)"
FUTURE = "ratings given in the future (is the time zone, or the unit, right?)"
ROW_NUMBERS = "ids of {} that look like row numbers (is it the right column?)"
ONCE = "users with one rating each (is it the right column?)"
UNRATED = "items that nobody has rated (do both tables belong together?)"
# Fewer keys say nothing.
LEAST_KEYS = 10
# Of an item table, without ratings.
MANY_UNRATED = 0.5
DAY = 86_400


def suspicions(dataset: Dataset, own: OwnCatalogue, now: float | None = None) -> Findings:
    """Count what looks wrong. ``now``: seconds since 1970 (default: of the clock)."""
    findings = Findings()
    latest = (time.time() if now is None else now) + DAY

    def look(ratings: Ratings) -> tuple[float, float, int, int]:
        low, high = ratings.values.min(initial=np.inf), ratings.values.max(initial=-np.inf)
        newest = int(ratings.seconds.max(initial=0))
        return float(low), float(high), int((ratings.seconds > latest).sum()), newest

    seen = list(dataset.ratings.map(look))
    lowest, highest = min(low for low, *_ in seen), max(high for _, high, *_ in seen)
    if own.ratings.columns.value and lowest == highest:
        _note(findings, ONE_VALUE, dataset.rows, f"{lowest:g}")
    if future := sum(count for *_, count, _ in seen):
        newest = np.datetime64(max(newest for *_, newest in seen), "s")
        _note(findings, FUTURE, future, f"the last in {newest.astype('datetime64[D]')}")
    if dataset.keys:
        for side, keys in (("users", dataset.keys.users), ("items", dataset.keys.items)):
            if _count_up(keys):
                _note(findings, ROW_NUMBERS.format(side), len(keys), f"1 to {len(keys)}")
        if len(dataset.keys.users) == dataset.rows >= LEAST_KEYS:
            _note(findings, ONCE, dataset.rows, next(iter(dataset.keys.users)))
    rated = np.concatenate(list(dataset.ratings.map(lambda ratings: np.unique(ratings.items))))
    unrated = len(dataset.items) - len(np.unique(rated))
    if unrated > MANY_UNRATED * len(dataset.items):
        _note(findings, UNRATED, unrated, f"of {len(dataset.items):,}")
    return findings


def _note(findings: Findings, kind: str, count: int, example: str) -> None:
    findings.counts[kind] = count
    findings.examples[kind] = [example]


def _count_up(keys: Keys) -> bool:
    """Whether the keys are the numbers from 1 on."""
    texts = arrow_keys(keys)
    if len(texts) < LEAST_KEYS or not pc.all(pc.utf8_is_digit(texts)).as_py():
        return False
    try:
        numbers = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return False
    bounds = pc.min_max(numbers).as_py()
    return bool(bounds["min"] == 1 and bounds["max"] == len(texts))
