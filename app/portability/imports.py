"""Import a file of ratings in one transaction, with a report on its lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
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
from app.portability.csv_kinds import read_csv
from app.portability.entries import Contents, Entry, RejectedLine
from app.portability.import_reports import delete_old_reports
from app.portability.matching import Matcher
from app.portability.steam_library import is_steam, read_steam
from app.portability.text import TextFile, texts
from app.portability.uploads import ImportProblem
from app.recommend import feedback_kind
from app.recommend.model_watcher import serving
from app.recommend.service import fold_in
from recommender.model import Model

BATCH = 500
# Lines of a kind that a report lists, and their bytes as JSON; its counts are of all lines.
MOST_LISTED = 500
LARGEST_LIST = 32_000
# Seconds that an import may take; seconds to wait for another one in the same process.
IMPORT_SECONDS = 20
WAIT_SECONDS = 3
# Imports that may wait at once in a process: each keeps a thread from everyone else.
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
    unmatched_lines: list[dict[str, Any]] = field(default_factory=list)
    bad_lines: list[dict[str, Any]] = field(default_factory=list)


class ImportBusy(Exception):
    """Another file is being imported; the message is for the user."""


_one_at_a_time = threading.Lock()
_waiting = threading.BoundedSemaphore(MOST_WAITING)


def bring_in(user_id: int, name: str, upload: BinaryIO, model: Model | None) -> Import:
    """Import a file. Raises ImportProblem, and then nothing has been stored.

    Of a title rated here and there, the newer rating stays. One file is read at a time in a
    process, so that many at once cannot use up its memory; raises ImportBusy after a short wait,
    and at once where others wait already.
    """
    with _turn():
        request_budget.limit(IMPORT_SECONDS)
        return _bring_in(user_id, name, upload, model)


@contextmanager
def _turn() -> Iterator[None]:
    if not (_one_at_a_time.acquire(blocking=False) or _wait_for_turn()):
        raise ImportBusy(
            "We are reading someone else's file just now. Yours was not read: send it again in a"
            " moment."
        )
    try:
        yield
    finally:
        _one_at_a_time.release()


def _wait_for_turn() -> bool:
    """Wait while another file is read, unless others wait already; return whether it is over."""
    if not _waiting.acquire(blocking=False):
        return False
    try:
        return _one_at_a_time.acquire(timeout=WAIT_SECONDS)
    finally:
        _waiting.release()


@retry_on_conflict
def _bring_in(user_id: int, name: str, upload: BinaryIO, model: Model | None) -> Import:
    files = [read(text) for text in texts(name, upload)]
    for contents in files:
        _check_kind(contents, model)
    report = Report(files[0].source, name[:200])
    matched = _matched(files, report)
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


def read(text: TextFile) -> Contents:
    """Detect the format of a file. Raises ImportProblem if it is not supported."""
    return read_steam(text) if is_steam(text) else read_csv(text)


def _check_kind(contents: Contents, model: Model | None) -> None:
    kind = serving.feedback_kind
    if contents.feedback != kind.feedback:
        noun = model.catalogue.noun if model else "movie"
        raise ImportProblem(
            f"This is a file from {contents.source}, and we know {noun}s alone."
            f" It holds {feedback_kind.KINDS[contents.feedback].numbers}, not {kind.numbers}."
        )


def _matched(files: Iterable[Contents], report: Report) -> dict[int, Entry]:
    """Return the newest entry of each item; rated ones take precedence over wanted ones."""
    matcher = Matcher()
    entries: dict[int, Entry] = {}
    for row in (row for contents in files for row in contents.rows):
        request_budget.check()
        if isinstance(row, RejectedLine):
            report.bad += 1
            _list(report.bad_lines, {"line": row.line, "why": row.why[:200]})
        elif (item_id := matcher.match(row)) is None:
            report.unmatched += 1
            line = {"line": row.line, "title": row.title[:200], "year": row.year}
            _list(report.unmatched_lines, line)
        elif item_id not in entries or _order(row) >= _order(entries[item_id]):
            # A matched entry needs no names, which would fill the memory.
            entries[item_id] = replace(row, title="", imdb_id=None)
    if not (entries or report.bad or report.unmatched):
        raise ImportProblem(f"This {report.source} file holds no {serving.feedback_kind.numbers}.")
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


def _decide(
    matched: dict[int, Entry],
    ratings_before: Values,
    report: Report,
) -> Values:
    """Return the ratings to store."""
    rows = {}
    now = utcnow()
    for item_id, entry in matched.items():
        if entry.value is None:
            report.wanted += 1
            continue
        at = entry.at if entry.at and NO_EARLIER_THAN < entry.at <= now else now
        before = ratings_before.get(item_id)
        if before is None:
            report.new += 1
        elif before[0] == entry.value:
            report.same += 1
            continue
        elif _stays(before, entry, at):
            report.kept += 1
            continue
        else:
            report.changed += 1
        rows[item_id] = (entry.value, at)
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
    predictions = _predictions(rows, ratings_before, model)
    stored = [
        {
            "user_id": user_id,
            "item_id": item_id,
            "rating": stars,
            "rated_at": at,
            "is_implicit": False,
            **asdict(predictions[item_id]),
            "via": IMPORT,
        }
        for item_id, (stars, at) in rows.items()
    ]
    first_time = ("predicted", "community", "model_version", "via")
    for batch in _batches(stored):
        upsert(Rating, batch, keep=first_time, newest_by="rated_at")
    wanted = [
        {"user_id": user_id, "kind": WATCHLIST, "item_id": item_id, "marked_at": utcnow()}
        for item_id, entry in matched.items()
        if entry.value is None
    ]
    for batch in _batches(wanted):
        upsert(ListEntry, batch, keep=["marked_at"])


def _predictions(
    rows: Values,
    ratings_before: Values,
    model: Model | None,
) -> dict[int, Prediction]:
    stars: dict[int, float] = {}
    if model is not None:
        person = fold_in(model, {item: rating for item, (rating, _) in ratings_before.items()})
        stars = model.estimate(person, rows)
    version = model.version if model else None
    means = {
        item_id: item.rating_mean
        for batch in _batches(list(rows))
        for item_id, item in catalogue.items_by_id(batch).items()
    }
    return {
        item_id: Prediction(stars.get(item_id), means.get(item_id), version) for item_id in rows
    }


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
