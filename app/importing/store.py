"""Bringing a file in: all of it in one transaction, with a report of what became of each line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from app import catalogue, kinds, metrics
from app.clock import utcnow
from app.extensions import db
from app.importing.files import ImportProblem, texts
from app.importing.formats import Contents, Entry, read
from app.importing.matching import Matcher
from app.marks import WATCHLIST
from app.models import Import, Mark, Rating
from app.ratings import IMPORT, Forecast, ratings_by_age
from app.recommendations import fold_in
from app.transactions import done_anew
from app.upsert import upsert
from recommender.model import Model

BATCH = 500
# So many lines of a kind are kept in a report; the counts are of all of them.
MOST_TOLD = 500
NO_EARLIER_THAN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Report:
    """What became of a file. ``kept``: rated here more recently than in the file."""

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


@done_anew
def bring_in(user_id: int, name: str, content: bytes, model: Model | None) -> Import:
    """Store what a file holds. Raises ImportProblem, and then nothing has been stored.

    Of a title rated here and there, the newer rating stays.
    """
    contents = read(texts(name, content))
    _check_kind(contents, model)
    report = Report(contents.source, name[:200])
    matched = _matched(contents, report)
    own = {item: (stars, at) for item, stars, at in ratings_by_age(user_id)}
    rows = _decide(matched, own, report)
    _store(user_id, rows, own, matched, model)
    done = Import(user_id=user_id, imported_at=utcnow(), report=asdict(report))
    db.session.add(done)
    db.session.commit()
    metrics.RATINGS_WRITTEN.labels(metrics.IMPORT).inc(len(rows))
    return done


def _check_kind(contents: Contents, model: Model | None) -> None:
    kind = kinds.current()
    if contents.feedback != kind.feedback:
        noun = model.catalogue.noun if model else "movie"
        raise ImportProblem(
            f"This is a file from {contents.source}, and we know {noun}s alone."
            f" It holds {kinds.KINDS[contents.feedback].numbers}, not {kind.numbers}."
        )
    if not contents.entries and not contents.bad:
        raise ImportProblem(f"This {contents.source} file holds no {kind.numbers}.")


def _matched(contents: Contents, report: Report) -> dict[int, Entry]:
    """The newest entry of each of our titles; rated before merely wanted."""
    matcher = Matcher()
    found: dict[int, Entry] = {}
    for entry in contents.entries:
        item_id = matcher.match(entry)
        if item_id is None:
            report.unmatched += 1
            if len(report.unmatched_lines) < MOST_TOLD:
                told = {"line": entry.line, "title": entry.title[:200], "year": entry.year}
                report.unmatched_lines.append(told)
        elif item_id not in found or _order(entry) >= _order(found[item_id]):
            found[item_id] = entry
    report.bad = len(contents.bad)
    report.bad_lines = [{"line": n, "why": why[:200]} for n, why in contents.bad[:MOST_TOLD]]
    return found


def _order(entry: Entry) -> tuple[bool, datetime]:
    rated = entry.stars is not None or entry.hours is not None
    return rated, entry.at or NO_EARLIER_THAN


def _decide(
    matched: dict[int, Entry],
    own: dict[int, tuple[float, datetime]],
    report: Report,
) -> dict[int, tuple[float, datetime]]:
    """(stars or hours, when) by id of what is to be stored."""
    rows = {}
    now = utcnow()
    for item_id, entry in matched.items():
        stars = _rating(entry)
        if stars is None:
            report.wanted += 1
            continue
        at = entry.at if entry.at and NO_EARLIER_THAN < entry.at <= now else now
        before = own.get(item_id)
        if before is None:
            report.new += 1
        elif before[0] == stars:
            report.same += 1
            continue
        elif _stays(before, entry, at):
            report.kept += 1
            continue
        else:
            report.changed += 1
        rows[item_id] = (stars, at)
    return rows


def _stays(before: tuple[float, datetime], entry: Entry, at: datetime) -> bool:
    """Whether what is here stays: the newer; of hours without a date, which only grow, the more."""
    if entry.at is None:
        return entry.hours is None or before[0] > entry.hours
    return before[1] > at


def _rating(entry: Entry) -> float | None:
    return entry.stars if entry.hours is None else entry.hours


def _store(
    user_id: int,
    rows: dict[int, tuple[float, datetime]],
    own: dict[int, tuple[float, datetime]],
    matched: dict[int, Entry],
    model: Model | None,
) -> None:
    """Ratings with what we would have said of them, and the watchlist. The caller commits."""
    told = _forecasts(rows, own, model)
    stored = [
        {
            "user_id": user_id,
            "item_id": item_id,
            "rating": stars,
            "rated_at": at,
            "is_implicit": False,
            **asdict(told[item_id]),
            "via": IMPORT,
        }
        for item_id, (stars, at) in rows.items()
    ]
    first_time = ("predicted", "community", "model_version", "via")
    for start in range(0, len(stored), BATCH):
        upsert(Rating, stored[start : start + BATCH], keep=first_time, newest_by="rated_at")
    wanted = [
        {"user_id": user_id, "kind": WATCHLIST, "item_id": item_id, "marked_at": utcnow()}
        for item_id, entry in matched.items()
        if entry.stars is None and entry.hours is None
    ]
    for start in range(0, len(wanted), BATCH):
        upsert(Mark, wanted[start : start + BATCH], keep=["marked_at"])


def _forecasts(
    rows: dict[int, tuple[float, datetime]],
    own: dict[int, tuple[float, datetime]],
    model: Model | None,
) -> dict[int, Forecast]:
    stars: dict[int, float] = {}
    if model is not None:
        person = fold_in(model, {item: rating for item, (rating, _) in own.items()})
        stars = model.estimate(person, rows)
    version = model.version if model else None
    means = {
        item_id: item.rating_mean
        for batch in _batches(list(rows))
        for item_id, item in catalogue.items_by_id(batch).items()
    }
    return {item_id: Forecast(stars.get(item_id), means.get(item_id), version) for item_id in rows}


def _batches(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
