"""Reports of imports: what one says, and the newest of each person, no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import Any

from sqlalchemy import delete, select

from app.extensions import db
from app.models import Import

MOST_REPORTS = 20
# Lines of each kind that a report lists, and their bytes as JSON.
MOST_LISTED = 500
LARGEST_LIST = 32_000
MOST_NOTES, LONGEST_NOTE, LONGEST_TITLE = 20, 300, 200
Lines = list[dict[str, Any]]


@dataclass
class Report:
    """The result of an import, as it is stored.

    Titles: ``new`` and ``changed`` ratings, those that are the ``same`` here, those ``kept`` since
    the rating here is newer; put on the list of ``seen`` ones and on the watchlist (``wanted``);
    ``undecided``: seen or wanted, the file does not tell. ``by_id`` and ``by_name``: how they
    were matched; ``added``: of the first those that the file brought to the catalogue.
    ``unmatched``: those that wait for a match; ``found``: matched since, because the catalogue
    has them now; ``chosen``: matched since by the person.

    Lines: ``left_out``, with their number by reason in ``reasons``, and ``bad`` ones.
    """

    source: str = ""
    file: str = ""
    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0
    seen: int = 0
    wanted: int = 0
    undecided: int = 0
    by_id: int = 0
    by_name: int = 0
    added: int = 0
    unmatched: int = 0
    forgotten: int = 0
    found: int = 0
    chosen: int = 0
    left_out: int = 0
    bad: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    named_lines: Lines = field(default_factory=list)
    left_out_lines: Lines = field(default_factory=list)
    bad_lines: Lines = field(default_factory=list)

    @classmethod
    def of(cls, done: Import) -> Report:
        """Read a stored report; one of an earlier version lacks some fields and has others."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in done.report.items() if name in known})

    @property
    def changes(self) -> int:
        return self.new + self.changed + self.seen + self.wanted + self.found + self.chosen

    def note(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(text[:LONGEST_NOTE])

    def reject(self, line: int, why: str) -> None:
        self.bad += 1
        _list(self.bad_lines, {"line": line, "why": why[:LONGEST_TITLE]})

    def leave_out(self, line: int, title: str, why: str) -> None:
        self.left_out += 1
        why = why[:LONGEST_TITLE]
        if why in self.reasons or len(self.reasons) < MOST_NOTES:
            self.reasons[why] = self.reasons.get(why, 0) + 1
        _list(self.left_out_lines, {"line": line, "title": title[:LONGEST_TITLE], "why": why})

    def shorten(self) -> None:
        """Cut each list of lines to LARGEST_LIST bytes of JSON."""
        for name in ("named_lines", "left_out_lines", "bad_lines"):
            setattr(self, name, _shortened(getattr(self, name)))


def _list(lines: Lines, line: dict[str, Any]) -> None:
    if len(lines) < MOST_LISTED:
        lines.append(line)


def _shortened(lines: Lines) -> Lines:
    """Return the first lines that together have at most LARGEST_LIST bytes of JSON."""
    lines = lines[:MOST_LISTED]
    sizes = accumulate(len(json.dumps(line)) for line in lines)
    return [line for line, total in zip(lines, sizes, strict=True) if total <= LARGEST_LIST]


def newest_reports(user_id: int, limit: int = MOST_REPORTS) -> Sequence[Import]:
    """Return a user's latest imports, newest first."""
    own = select(Import).where(Import.user_id == user_id)
    return db.session.scalars(own.order_by(Import.id.desc()).limit(limit)).all()


def delete_old_reports(user_id: int) -> None:
    """Delete all but the newest reports of a user. The caller commits."""
    own = select(Import.id).where(Import.user_id == user_id)
    oldest_kept = db.session.scalar(
        own.order_by(Import.id.desc()).offset(MOST_REPORTS - 1).limit(1)
    )
    if oldest_kept is not None:
        db.session.execute(delete(Import).where(Import.user_id == user_id, Import.id < oldest_kept))


def add_to_report(import_id: int, **numbers: int) -> None:
    """Add to numbers of a stored report. The caller commits."""
    stored = select(Import).where(Import.id == import_id).with_for_update()
    if (done := db.session.scalar(stored)) is not None:
        report = done.report
        added = {name: report.get(name, 0) + number for name, number in numbers.items()}
        done.report = {**report, **added}
