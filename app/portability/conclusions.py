"""Conclude what a file says of each title, since several lines may be about one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from app.http import request_budget
from app.portability.entries import (
    LONGEST_TITLE,
    RATED,
    SEEN,
    UNDECIDED,
    WISHED,
    Contents,
    Entry,
    LeftOut,
    Note,
    RejectedLine,
)
from app.portability.import_reports import Report
from app.portability.matching import BY_ID, BY_NAME, Match, Matcher
from recommender.formats.titles import search_key

# Titles without a match that a person may have.
MOST_OPEN = 20_000
NO_EARLIER_THAN = datetime(1970, 1, 1, tzinfo=UTC)
# What one line says of a title takes precedence over what another says, from the weakest.
_PRECEDENCE = {mark: place for place, mark in enumerate((UNDECIDED, WISHED, SEEN, RATED))}
# Fields of a matched line that nobody reads any more.
_NOT_KEPT: dict[str, Any] = {"imdb_id": None, "genres": "", "creators": ""}
OVERRULED = "another line has this title by its id"


@dataclass
class Conclusions:
    """``matched``: an entry and how it was matched, by item id. ``unmatched``: an entry by its key.

    ``forgotten``: number of lines above MOST_OPEN.
    """

    matched: dict[int, tuple[Entry, str]] = field(default_factory=dict)
    unmatched: dict[str, Entry] = field(default_factory=dict)
    forgotten: int = 0


def conclude(contents: Contents, matcher: Matcher, report: Report) -> Conclusions:
    """Read a file; note in the report which lines are left out, and which are matched by name.

    Of the lines about a title, a rating takes precedence over *seen*, that over a wish; of two
    ratings one matched by id, else the newer one.
    """
    concluded = Conclusions()
    for row in contents.rows:
        request_budget.check()
        if isinstance(row, RejectedLine):
            report.reject(row.line, row.why)
        elif isinstance(row, LeftOut):
            report.leave_out(row.line, row.title, row.why)
        elif isinstance(row, Note):
            report.note(row.text)
        elif (match := matcher.match(row)) is None and row.not_a_title:
            report.leave_out(row.line, row.title, row.not_a_title)
        elif match is None:
            _add_unmatched(row, concluded)
        else:
            add_matched(row, match, concluded, report)
    return concluded


def key_of(entry: Entry) -> str:
    """Return what lines about one unmatched title have in common, as a digest."""
    about = (entry.item_id, entry.imdb_id, entry.tmdb_id, search_key(entry.title), entry.year)
    return sha256(repr(about).encode("utf-8", "replace")).hexdigest()[:32]


def _add_unmatched(entry: Entry, concluded: Conclusions) -> None:
    key = key_of(entry)
    before = concluded.unmatched.get(key)
    if before is None and len(concluded.unmatched) >= MOST_OPEN:
        concluded.forgotten += 1
    elif before is None or _order(entry) >= _order(before):
        concluded.unmatched[key] = entry


def add_matched(entry: Entry, match: Match, concluded: Conclusions, report: Report) -> None:
    """Note what a line says of the item that it matches, beside what other lines said of it."""
    before, by_before = concluded.matched.get(match.item_id, (None, ""))
    if before is not None and before.mark == entry.mark == RATED and match.by != by_before:
        weaker = before if by_before == BY_NAME else entry
        report.leave_out(weaker.line, weaker.title, OVERRULED)
        stays = by_before == BY_ID
    else:
        stays = before is not None and _order(entry) < _order(before)
    if not stays:
        # A title that is not shown in the report would fill the memory.
        title = entry.title[:LONGEST_TITLE] if match.by == BY_NAME else ""
        kept = replace(entry, title=title, original_title="", **_NOT_KEPT)
        concluded.matched[match.item_id] = kept, match.by


def _order(entry: Entry) -> tuple[int, datetime]:
    return _PRECEDENCE[entry.mark], entry.at or NO_EARLIER_THAN
