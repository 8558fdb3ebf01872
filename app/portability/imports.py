"""Import a file of ratings in one transaction, with a report on its lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, BinaryIO, TypeVar

from app.catalogue import items as catalogue
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.feedback.ratings import IMPORT, Prediction, ratings_by_age
from app.feedback.user_lists import WATCHLIST
from app.http import request_budget
from app.models import Import, ListEntry, Rating
from app.observability import metrics
from app.portability.entries import Contents, Entry, LeftOut, Note, RejectedLine
from app.portability.import_reports import delete_old_reports
from app.portability.matching import Matcher
from app.portability.readers import read_upload
from app.portability.uploads import ImportProblem
from app.recommend import feedback_kind
from app.recommend.model_watcher import serving
from app.recommend.service import fold_in
from recommender.model import Model

BATCH = 500
# Rejected and unmatched lines that a report lists, each, and their bytes as JSON.
MOST_LISTED = 500
LARGEST_LIST = 32_000
# Seconds that an import may take; seconds to wait for another one in the same process.
IMPORT_SECONDS = 20
WAIT_SECONDS = 3
# Imports that may wait at once in a process, since each occupies a thread.
MOST_WAITING = 2
# (value, time) by item id.
Values = dict[int, tuple[float, datetime]]
Row = TypeVar("Row")
NO_EARLIER_THAN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Report:
    """The result of an import. ``kept``: rated here more recently than in the file."""

    source: str
    file: str
    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0
    wanted: int = 0
    unmatched: int = 0
    bad: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)
    unmatched_lines: list[dict[str, Any]] = field(default_factory=list)
    bad_lines: list[dict[str, Any]] = field(default_factory=list)


class ImportBusy(Exception):
    """Another file is being imported; the message is for the user."""


_one_at_a_time = threading.Lock()
_waiting = threading.BoundedSemaphore(MOST_WAITING)


def bring_in(user_id: int, name: str, upload: BinaryIO, model: Model | None) -> Import:
    """Import a file. Raises ImportProblem, and then nothing has been stored.

    If an item has a rating both here and in the file, the newer one stays. A process reads one file
    at a time, to bound its memory; raises ImportBusy after a short wait, and at once if others wait
    already.
    """
    with _turn():
        request_budget.limit(IMPORT_SECONDS)
        return _bring_in(user_id, name, upload, model)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait while another file is read, unless others wait already."""
    is_ours = _one_at_a_time.acquire(blocking=False)
    if not is_ours and _waiting.acquire(blocking=False):
        try:
            is_ours = _one_at_a_time.acquire(timeout=WAIT_SECONDS)
        finally:
            _waiting.release()
    if not is_ours:
        raise ImportBusy(
            "We are reading someone else's file just now. Yours was not read: send it again in a"
            " moment."
        )
    try:
        yield
    finally:
        _one_at_a_time.release()


@retry_on_conflict
def _bring_in(user_id: int, name: str, upload: BinaryIO, model: Model | None) -> Import:
    contents = read_upload(name, upload)
    _check_kind(contents, model)
    report = Report(contents.source, name[:200])
    matched = _matched(contents, report)
    ratings_before = {item: (stars, at) for item, stars, at in ratings_by_age(user_id)}
    rows = _decide(matched, ratings_before, report)
    _store(user_id, rows, ratings_before, matched, model)
    done = Import(user_id=user_id, imported_at=utcnow(), report=asdict(report))
    db.session.add(done)
    db.session.flush()
    delete_old_reports(user_id)
    db.session.commit()
    metrics.RATINGS_WRITTEN.labels(metrics.IMPORT).inc(len(rows))
    return done


def _check_kind(contents: Contents, model: Model | None) -> None:
    kind = serving.feedback_kind
    noun = model.catalogue.noun if model else "movie"
    if contents.noun and contents.noun != noun:
        raise ImportProblem(
            f"This is a file from {contents.source}, a site of {contents.noun}s, and we know"
            f" {noun}s alone."
        )
    if contents.feedback and contents.feedback != kind.feedback:
        raise ImportProblem(
            f"This is a file from {contents.source}, and we know {noun}s alone."
            f" It holds {feedback_kind.KINDS[contents.feedback].numbers}, not {kind.numbers}."
        )


def _matched(contents: Contents, report: Report) -> dict[int, Entry]:
    """Return the newest entry of each item; rated ones take precedence over wanted ones."""
    matcher = Matcher()
    entries: dict[int, Entry] = {}
    for row in contents.rows:
        request_budget.check()
        if isinstance(row, RejectedLine):
            report.bad += 1
            _list(report.bad_lines, {"line": row.line, "why": row.why[:200]})
        elif isinstance(row, LeftOut):
            report.left_out += 1
        elif isinstance(row, Note):
            report.notes.append(row.text)
        elif (match := matcher.match(row)) is None and row.not_a_title:
            report.left_out += 1
        elif match is None:
            report.unmatched += 1
            line = {"line": row.line, "title": row.title[:200], "year": row.year}
            _list(report.unmatched_lines, line)
        elif match.item_id not in entries or _order(row) >= _order(entries[match.item_id]):
            # A matched entry needs no names, which would fill the memory.
            entries[match.item_id] = replace(row, title="", imdb_id=None)
    if not (entries or report.bad or report.unmatched or report.left_out):
        raise ImportProblem(
            f"This {contents.source} file holds no {serving.feedback_kind.numbers}."
        )
    report.unmatched_lines = _shortened(report.unmatched_lines)
    report.bad_lines = _shortened(report.bad_lines)
    return entries


def _list(lines: list[dict[str, Any]], line: dict[str, Any]) -> None:
    if len(lines) < MOST_LISTED:
        lines.append(line)


def _shortened(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first lines that together have at most LARGEST_LIST bytes of JSON."""
    sizes = accumulate(len(json.dumps(line)) for line in lines)
    return [line for line, total in zip(lines, sizes, strict=True) if total <= LARGEST_LIST]


def _order(entry: Entry) -> tuple[bool, datetime]:
    return entry.value is not None, entry.at or NO_EARLIER_THAN


def _decide(matched: dict[int, Entry], ratings_before: Values, report: Report) -> Values:
    """Return the ratings to store."""
    rows: Values = {}
    now = utcnow()
    for item_id, entry in matched.items():
        if entry.value is None:
            report.wanted += 1
            continue
        at = entry.at if entry.at and NO_EARLIER_THAN < entry.at <= now else now
        before = ratings_before.get(item_id)
        if before is not None and before[0] == entry.value:
            report.same += 1
        elif before is not None and _stays(before, entry, at):
            report.kept += 1
        else:
            rows[item_id] = (entry.value, at)
            report.new += before is None
            report.changed += before is not None
    return rows


def _stays(before: tuple[float, datetime], entry: Entry, at: datetime) -> bool:
    """Return whether the stored rating stays: the newer one; of hours without a date the larger."""
    if entry.at is None:
        return entry.hours is None or before[0] > entry.hours
    return before[1] > at


def _store(
    user_id: int,
    rows: Values,
    ratings_before: Values,
    matched: dict[int, Entry],
    model: Model | None,
) -> None:
    """Store ratings with their predictions, and the watchlist. The caller commits."""
    predictions = _predictions(list(rows), ratings_before, model)
    first_time = ("predicted", "community", "model_version", "via")
    for batch in _batches(list(rows.items())):
        stored = [
            {
                **{"user_id": user_id, "item_id": item_id, "rating": value, "rated_at": at},
                **{"is_implicit": False, **asdict(predictions[item_id]), "via": IMPORT},
            }
            for item_id, (value, at) in batch
        ]
        upsert(Rating, stored, keep=first_time, newest_by="rated_at")
    now, wanted = utcnow(), [item_id for item_id, entry in matched.items() if entry.value is None]
    for ids in _batches(wanted):
        key = {"user_id": user_id, "kind": WATCHLIST, "marked_at": now}
        upsert(ListEntry, [{**key, "item_id": item_id} for item_id in ids], keep=["marked_at"])


def _predictions(
    item_ids: list[int], ratings_before: Values, model: Model | None
) -> dict[int, Prediction]:
    stars: dict[int, float] = {}
    if model is not None:
        person = fold_in(model, {item: rating for item, (rating, _) in ratings_before.items()})
        stars = model.estimate(person, item_ids)
    version = model.version if model else None
    means = {
        item_id: item.rating_mean
        for batch in _batches(item_ids)
        for item_id, item in catalogue.items_by_id(batch).items()
    }
    return {i: Prediction(stars.get(i), means.get(i), version) for i in item_ids}


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
