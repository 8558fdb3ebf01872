"""What the owner wants to know in the morning: files, bad matches, new titles, the last release."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import distinct, func, select

from app.db.clock import utcnow
from app.extensions import db
from app.models import AddedTitle, Exposure, Import, OpenLine, Rating, User
from app.portability.import_reports import Report
from recommender.storage.release import Release

# The newest files whose reports are added up, and the titles that are listed.
MOST_FILES, MOST_WAITING = 1_000, 10


@dataclass(frozen=True)
class FileTotals:
    """Files that people brought. ``sources``: number of files by service. ``ratings`` and
    ``listed``: what they brought. Lines: ``by_name`` were matched without an id, ``unmatched`` wait
    for a title, ``bad`` could not be read. ``undone``: files that were taken back."""

    files: int
    people: int
    sources: list[tuple[str, int]]
    ratings: int
    listed: int
    by_id: int
    by_name: int
    unmatched: int
    bad: int
    undone: int


@dataclass(frozen=True)
class Waiting:
    """A title of people's files that matches nothing here."""

    title: str
    year: int | None
    people: int


@dataclass(frozen=True)
class Gate:
    """The verdict on a release: why it was rejected, if it was, and its ``limits``, each with what
    was "measured", its "floor" and "margin"."""

    passed: bool
    reasons: list[str]
    limits: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class OwnerDay:
    """The time from ``since`` on. ``exposed``: people whom an experiment showed something."""

    since: datetime
    registered: int
    raters: int
    ratings: int
    files: FileTotals
    waiting: list[Waiting]
    added: int
    exposed: int


def owner_day(days: int) -> OwnerDay:
    """Return what happened in the last ``days`` days."""
    since = utcnow() - timedelta(days=days)
    rated = select(func.count(), func.count(distinct(Rating.user_id)))
    new = select(func.count()).select_from(User)
    new = new.where(User.created_at >= since, User.username_key.is_not(None))
    ratings, raters = db.session.execute(rated.where(Rating.rated_at >= since)).one()
    added = select(func.count()).select_from(AddedTitle)
    added = added.where(AddedTitle.added_at >= since, AddedTitle.merged_into.is_(None))
    exposed = select(func.count(distinct(Exposure.user_id))).where(Exposure.shown_at >= since)
    return OwnerDay(
        since,
        db.session.scalar(new) or 0,
        raters,
        ratings,
        _files(since),
        _waiting(),
        db.session.scalar(added) or 0,
        db.session.scalar(exposed) or 0,
    )


def gate_of(release: Release) -> Gate | None:
    """Return the gate's verdict from the release's evaluation; None where there is none."""
    if release.folder is None:
        return None
    path = Path(release.folder, "report", "report.json")
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))["gate"]
        return Gate(bool(verdict["passed"]), list(verdict["reasons"]), dict(verdict["limits"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(since: datetime) -> FileTotals:
    newest = select(Import).where(Import.imported_at >= since)
    imports = db.session.scalars(newest.order_by(Import.id.desc()).limit(MOST_FILES)).all()
    reports = [Report.of(done) for done in imports]

    def total(*names: str) -> int:
        return sum(getattr(report, name) for report in reports for name in names)

    return FileTotals(
        len(imports),
        len({done.user_id for done in imports}),
        Counter(report.source for report in reports).most_common(),
        total("new", "changed"),
        total("seen", "wanted"),
        total("by_id"),
        total("by_name"),
        total("unmatched"),
        total("bad"),
        sum(done.undone_at is not None for done in imports),
    )


def _waiting() -> list[Waiting]:
    """Return the titles that most people wait for."""
    people = func.count(distinct(OpenLine.user_id))
    lines = select(OpenLine.title, OpenLine.year, people).where(OpenLine.match_id.is_(None))
    lines = lines.group_by(OpenLine.title, OpenLine.year).order_by(people.desc(), OpenLine.title)
    rows = db.session.execute(lines.limit(MOST_WAITING))
    return [Waiting(title or "", year, count) for title, year, count in rows]
