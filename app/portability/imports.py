"""Import a file of ratings in one transaction, with a report on its lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import BinaryIO

from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.extensions import db
from app.http import request_budget
from app.models import Import
from app.observability import metrics
from app.portability.brought_titles import bring_titles
from app.portability.changes import apply
from app.portability.conclusions import Conclusions, conclude
from app.portability.entries import Contents
from app.portability.import_reports import LONGEST_TITLE, MOST_LISTED, Report, delete_old_reports
from app.portability.matching import BY_NAME, Matcher
from app.portability.open_lines import remember
from app.portability.readers import read_upload
from app.portability.uploads import ImportProblem, UnknownKind
from app.recommend.feedback_kind import HOURS, STARS
from app.recommend.model_watcher import serving
from recommender.model import Model

# Seconds that an import may take; seconds to wait for another one in the same process.
IMPORT_SECONDS = 20
WAIT_SECONDS = 3
# Imports that may wait at once in a process, since each occupies a thread.
MOST_WAITING = 2
_NUMBERS = {kind.feedback: kind.numbers for kind in (STARS, HOURS)}


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
    try:
        contents = read_upload(name, upload)
    except UnknownKind as problem:
        exports = serving.feedback_kind.exports
        raise ImportProblem(f"{problem} We read {exports}.") from problem
    _check_kind(contents, model)
    report = Report(contents.source, name[:200])
    concluded = conclude(contents, Matcher(), report)
    if not (concluded.matched or concluded.unmatched or report.bad or report.left_out):
        raise ImportProblem(f"This {report.source} file holds no {serving.feedback_kind.numbers}.")
    done = Import(user_id=user_id, imported_at=utcnow(), report={})
    db.session.add(done)
    db.session.flush()
    bring_titles(done, concluded, report, model)
    stored = _store(done, concluded, report, model)
    report.shorten()
    done.report = asdict(report)
    db.session.flush()
    delete_old_reports(user_id)
    db.session.commit()
    metrics.RATINGS_WRITTEN.labels(metrics.IMPORT).inc(stored)
    return done


def _check_kind(contents: Contents, model: Model | None) -> None:
    kind = serving.feedback_kind
    noun = model.catalogue.noun if model else "movie"
    if kind.sources is not None and contents.source not in kind.sources:
        nouns = model.catalogue.nouns if model else ""
        raise ImportProblem(
            f"This is a file from {contents.source}, and we know {nouns} alone. We read"
            f" {kind.exports}."
        )
    if contents.noun and contents.noun != noun:
        raise ImportProblem(
            f"This is a file from {contents.source}, a site of {contents.noun}s, and we know"
            f" {noun}s alone."
        )
    if contents.feedback and contents.feedback != kind.feedback:
        raise ImportProblem(
            f"This is a file from {contents.source}, and we know {noun}s alone."
            f" It holds {_NUMBERS[contents.feedback]}, not {kind.numbers}."
        )


def _store(done: Import, concluded: Conclusions, report: Report, model: Model | None) -> int:
    """Store what was concluded, and its numbers in the report; return the number of ratings."""
    matched = {item_id: entry for item_id, (entry, _) in concluded.matched.items()}
    outcome = apply(done.user_id, done.id, matched, model)
    undecided = {item_id: matched[item_id] for item_id in outcome.undecided}
    too_many = remember(done.user_id, done.id, concluded.unmatched, undecided)
    report.forgotten = concluded.forgotten + too_many
    report.new, report.changed = outcome.new, outcome.changed
    report.same, report.kept = outcome.same, outcome.kept
    report.seen, report.wanted = len(outcome.seen), len(outcome.wanted)
    report.undecided = len(undecided)
    report.unmatched = len(concluded.unmatched) + concluded.forgotten
    named = [
        (item_id, entry) for item_id, (entry, by) in concluded.matched.items() if by == BY_NAME
    ]
    report.by_name = len(named)
    report.by_id = len(matched) - len(named)
    report.named_lines = [
        {
            **{"line": entry.line, "title": entry.title[:LONGEST_TITLE], "year": entry.year},
            **{"item_id": item_id, "mark": entry.mark, "value": entry.value},
        }
        for item_id, entry in named[:MOST_LISTED]
    ]
    return len(outcome.ratings)
