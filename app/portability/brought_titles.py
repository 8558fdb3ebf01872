"""Lines of a file that match nothing and have an id at IMDb or TMDB: each becomes a title, once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select

from app.catalogue import added_titles
from app.catalogue.added_titles import IMPORT, NewTitle, Origin
from app.catalogue.title_files import FILMS, IMDB_ID, is_year_of
from app.db.clock import utcnow
from app.extensions import db
from app.models import AddedTitle, Import, OpenLine
from app.portability.changes import batches
from app.portability.conclusions import Conclusions, add_matched
from app.portability.entries import Entry, placeholder_title, storable_text
from app.portability.import_reports import Report
from app.portability.matching import BY_ID, Match
from recommender.catalogue import LARGEST_ID
from recommender.formats.titles import split_title
from recommender.model import Model

# Titles that one person's files may bring within the period.
MOST_BROUGHT = 2_000
PERIOD = timedelta(days=1)


def bring_titles(done: Import, concluded: Conclusions, report: Report, model: Model | None) -> None:
    """Add titles of unmatched lines to a catalogue of films; their lines are matched by that.

    What has an id of another title goes on waiting, and so does what is above MOST_BROUGHT. The
    caller commits.
    """
    if model is None or model.catalogue.noun != FILMS:
        return
    lines = {
        key: title
        for key, entry in concluded.unmatched.items()
        if (title := _title_of(entry)) is not None
    }
    within = dict(list(lines.items())[: _room(done.user_id)]) if lines else {}
    if len(within) < len(lines):
        report.note(
            f"{len(lines) - len(within):,} titles that are new to us wait: your files may bring"
            f" {MOST_BROUGHT:,} a day. Bring the file again later."
        )
    if not within:
        return
    origin = Origin(IMPORT, done.user_id, done.id)
    added = added_titles.add(list(within.values()), origin)
    found = dict(zip(within, added.item_ids, strict=True))
    matched = {key: item_id for key, item_id in found.items() if item_id is not None}
    for key, item_id in matched.items():
        entry = concluded.unmatched.pop(key)
        add_matched(entry, Match(item_id, BY_ID), concluded, report)
    for keys in batches(list(matched)):
        waiting = OpenLine.user_id == done.user_id, OpenLine.key.in_(keys)
        db.session.execute(delete(OpenLine).where(*waiting))
    report.added = len(added.new)


def _title_of(entry: Entry) -> NewTitle | None:
    """Return the title that a line speaks of; None without a name or an id outside."""
    imdb_id = entry.imdb_id if entry.imdb_id and IMDB_ID.match(entry.imdb_id) else None
    tmdb_id = entry.tmdb_id if 0 < (entry.tmdb_id or 0) <= LARGEST_ID else None
    if not (imdb_id or tmdb_id) or entry.title == placeholder_title(entry.item_id):
        return None
    name, year = split_title(storable_text(entry.title))
    year = entry.year or year
    if not name or not is_year_of(year, FILMS):
        return None
    genres, creators = storable_text(entry.genres), storable_text(entry.creators)
    return NewTitle(name, year, genres, creators, imdb_id, tmdb_id)


def _room(user_id: int) -> int:
    """Return how many titles a person's files may bring now."""
    brought = select(func.count()).select_from(AddedTitle)
    brought = brought.where(
        AddedTitle.added_by == user_id,
        AddedTitle.via == IMPORT,
        AddedTitle.added_at > utcnow() - PERIOD,
    )
    return max(MOST_BROUGHT - (db.session.scalar(brought) or 0), 0)
