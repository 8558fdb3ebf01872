"""Lines of files that wait: for a title that matches them, or for the person to decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import func, or_, select, update

from app.catalogue.items import sync_catalogue
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import CatalogueState, OpenLine
from app.portability.changes import BATCH, Outcome, apply, batches
from app.portability.conclusions import MOST_OPEN
from app.portability.entries import UNDECIDED, Entry, storable_text
from app.portability.import_reports import add_to_report
from app.portability.matching import Matcher
from recommender.catalogue import LARGEST_ID
from recommender.model import Model
from recommender.storage.release import Release

# Lines that are matched again when a release goes into service, so that this takes seconds.
MOST_AT_ONCE = 200_000
LONGEST_IMDB_ID = 16
Lines = Sequence[OpenLine]


def remember(
    user_id: int, import_id: int, unmatched: Mapping[str, Entry], undecided: Mapping[int, Entry]
) -> int:
    """Store lines without a title by their key, and undecided ones by their title's id.

    Return how many are too many for one person. A line that waits already stays with the import
    that brought it first; an undecided one is asked about again. The caller commits.
    """
    own = {"user_id": user_id, "import_id": import_id}
    by_key = {f"title {item_id}": _row(entry, item_id) for item_id, entry in undecided.items()}
    by_key |= {key: _row(entry, None) for key, entry in unmatched.items()}
    waiting = set(db.session.scalars(select(OpenLine.key).where(OpenLine.user_id == user_id)))
    too_many = [key for key in by_key if key not in waiting][max(MOST_OPEN - len(waiting), 0) :]
    for key in too_many:
        del by_key[key]
    for rows in batches([{**own, "key": key, **row} for key, row in by_key.items()]):
        upsert(OpenLine, [row for row in rows if row["match_id"] is None], keep=("import_id",))
        upsert(OpenLine, [row for row in rows if row["match_id"] is not None])
    return len(too_many)


def _row(entry: Entry, match_id: int | None) -> dict[str, Any]:
    imdb_id = storable_text(entry.imdb_id or "")
    return {
        "line": entry.line,
        "title": storable_text(entry.title),
        "original_title": storable_text(entry.original_title),
        "year": entry.year,
        "catalogue_id": _id_or_none(entry.item_id),
        "imdb_id": imdb_id if 0 < len(imdb_id) <= LONGEST_IMDB_ID else None,
        "tmdb_id": _id_or_none(entry.tmdb_id),
        "mark": entry.mark,
        "rating": entry.value,
        "at": entry.at,
        "match_id": match_id,
    }


def _id_or_none(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= LARGEST_ID else None


def count_unmatched(user_id: int, import_id: int | None = None) -> int:
    """Return the number of all ``unmatched_lines``."""
    counted = select(func.count()).select_from(OpenLine).where(*_unmatched(user_id, import_id))
    return db.session.scalar(counted) or 0


def unmatched_lines(
    user_id: int, limit: int, offset: int = 0, import_id: int | None = None
) -> Lines:
    """Return a user's lines (of an import) that wait for a title; the newest file's first."""
    own = select(OpenLine).where(*_unmatched(user_id, import_id))
    own = own.order_by(OpenLine.import_id.desc(), OpenLine.line, OpenLine.key)
    return db.session.scalars(own.limit(limit).offset(offset)).all()


def _unmatched(user_id: int, import_id: int | None = None) -> list[Any]:
    of_import = [] if import_id is None else [OpenLine.import_id == import_id]
    return [OpenLine.user_id == user_id, OpenLine.match_id.is_(None), *of_import]


def count_undecided(user_id: int, import_id: int) -> int:
    """Return how many lines of an import wait for the person to say: seen, or wanted."""
    counted = select(func.count()).select_from(OpenLine).where(*_undecided(user_id, import_id))
    return db.session.scalar(counted) or 0


def _undecided(user_id: int, import_id: int) -> list[Any]:
    of_import = OpenLine.user_id == user_id, OpenLine.import_id == import_id
    return [*of_import, OpenLine.mark == UNDECIDED]


@retry_on_conflict
def choose(user_id: int, key: str, item_id: int, model: Model | None) -> OpenLine | None:
    """Match a line to the title that the person chose, at once; None if it waits no longer.

    A line that nobody has decided goes on waiting, for that.
    """
    lines = _locked(*_unmatched(user_id), OpenLine.key == key)
    if not lines:
        db.session.rollback()
        return None
    (line,) = lines
    line.match_id = item_id
    if line.mark != UNDECIDED:
        _apply(user_id, line.import_id, [line], model)
    if line.import_id is not None:
        add_to_report(line.import_id, unmatched=-1, chosen=1)
    db.session.commit()
    return line


@retry_on_conflict
def decide(user_id: int, import_id: int, mark: str, model: Model | None) -> None:
    """Say of all undecided lines of an import that their titles are seen, or wanted."""
    lines = _locked(*_undecided(user_id, import_id))
    for line in lines:
        line.mark = mark
    matched = [line for line in lines if line.match_id is not None]
    outcome = _apply(user_id, import_id, matched, model)
    numbers = {"seen": len(outcome.seen), "wanted": len(outcome.wanted), "same": outcome.same}
    add_to_report(import_id, **numbers, undecided=-len(matched))
    db.session.commit()


def _locked(*conditions: Any) -> Lines:
    """Return lines, locked until the commit."""
    # An UPDATE, since SQLite has no other lock that a second process waits for.
    db.session.execute(update(OpenLine).where(*conditions).values(line=OpenLine.line))
    return db.session.scalars(select(OpenLine).where(*conditions).with_for_update()).all()


def _apply(user_id: int, import_id: int | None, lines: Lines, model: Model | None) -> Outcome:
    """Store what lines of an import with a title say, and delete them. The caller commits."""
    found = {line.match_id: _entry(line) for line in lines if line.match_id is not None}
    outcome = apply(user_id, import_id, found, model)
    for line in lines:
        db.session.delete(line)
    db.session.flush()
    return outcome


def _entry(line: OpenLine) -> Entry:
    return Entry(
        line.line,
        line.title,
        line.year,
        item_id=line.catalogue_id,
        imdb_id=line.imdb_id,
        tmdb_id=line.tmdb_id,
        stars=line.rating,
        at=line.at,
        mark=line.mark,
        original_title=line.original_title,
    )


def sync_and_match(release: Release) -> None:
    """Write a release's titles to the database, and match waiting lines to them once."""
    sync_catalogue(release)
    if _is_first(release.version):
        match_again(MOST_AT_ONCE)


@retry_on_conflict
def _is_first(version: str) -> bool:
    """Return whether this process is the first to match lines to the titles of a release."""
    others = or_(CatalogueState.lines_version.is_(None), CatalogueState.lines_version != version)
    claim = update(CatalogueState).where(others).values(lines_version=version)
    is_first = bool(db.session.execute(claim).rowcount)  # type: ignore[attr-defined]
    db.session.commit()
    return is_first


def match_again(most: int | None = None) -> int:
    """Match waiting lines, of ``most`` at most, to the catalogue; return how many match now.

    A batch of lines is a transaction, so that an interrupted run can be repeated.
    """
    tried = matched = 0
    last = (-1, "")
    matcher: Matcher | None = None
    while (most is None or tried < most) and (lines := _after(last)):
        matcher = matcher or Matcher()
        last = lines[-1].user_id, lines[-1].key
        tried += len(lines)
        matches = {(line.user_id, line.key): matcher.match(_entry(line)) for line in lines}
        found = {place: match.item_id for place, match in matches.items() if match}
        db.session.rollback()
        for user_id, group in groupby(found, key=lambda pair: pair[0]):
            matched += _found(user_id, {key: found[user_id, key] for _, key in group})
    return matched


def _after(last: tuple[int, str]) -> Lines:
    """Return the lines that wait for a title after this one, a batch."""
    user_id, key = last
    later = or_(OpenLine.user_id > user_id, OpenLine.key > key)
    waiting = select(OpenLine).where(
        OpenLine.match_id.is_(None), OpenLine.user_id >= user_id, later
    )
    return db.session.scalars(waiting.order_by(OpenLine.user_id, OpenLine.key).limit(BATCH)).all()


@retry_on_conflict
def _found(user_id: int, matches: Mapping[str, int]) -> int:
    """Store what lines say of the titles that they match now; return the number of lines."""
    lines = _locked(*_unmatched(user_id), OpenLine.key.in_(matches))
    of_imports: dict[int | None, list[OpenLine]] = defaultdict(list)
    for line in lines:
        line.match_id = matches[line.key]
        of_imports[line.import_id].append(line)
    for import_id, found in of_imports.items():
        _apply(user_id, import_id, [line for line in found if line.mark != UNDECIDED], None)
        if import_id is not None:
            add_to_report(import_id, unmatched=-len(found), found=len(found))
    db.session.commit()
    return len(lines)
