"""Transfer ratings in bulk: from a data set to the database, from the database to training."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from app.catalogue import item_statistics
from app.db.clock import utcnow
from app.db.retry import retry_on_conflict
from app.db.upsert import upsert
from app.extensions import db
from app.models import Item, Rating, SiteState, User
from app.portability.keyed_ratings import COLUMNS as KEYS
from app.portability.keyed_ratings import UnknownKeys, find_keyed, read_keyed
from app.portability.title_export import export_titles, is_handed_over
from recommender.catalogue import FIRST_KEYED_USER, Catalogue
from recommender.errors import ConfigError, DataError
from recommender.feedback import IMPLICIT
from recommender.formats.added_titles import TITLES_FILE
from recommender.formats.movielens import ML_CSV, find_ratings, format_of, read_ratings
from recommender.formats.rating_format import COLUMNS, Row
from recommender.formats.steam_libraries import find_libraries, read_libraries
from recommender.keys import Keys
from recommender.storage import s3
from recommender.storage.atomic_files import write_atomically
from recommender.storage.release import Release

BATCH = 20_000
# Batches of rows, each with its size in the file, bytes.
Batches = Iterator[tuple[list[Row], int]]


@dataclass
class ImportCounts:
    """Numbers of ratings: ``untitled`` ones are of items that the catalogue lacks, and left out;
    so are those with ``unknown`` keys."""

    ratings: int = 0
    untitled: int = 0
    unknown: UnknownKeys = field(default_factory=UnknownKeys)


def find_rows(
    path: Path, release: Release, counts: ImportCounts
) -> tuple[Path, Batches, list[str]]:
    """Find the file of ratings, or hours of games, at or in ``path``.

    Return it, its batches, and how it differs from the publisher's own.
    """
    catalogue = release.catalogue
    if release.keys is not None and (keyed := find_keyed(path)):
        return keyed, read_keyed(keyed, release, BATCH, counts.unknown), []
    games = catalogue.feedback == IMPLICIT
    if games and (libraries := find_libraries(path)):
        return libraries, read_libraries(libraries, BATCH), []
    file, layout = find_ratings(path)
    form = format_of(file, layout, catalogue.rating_min, catalogue.rating_max)
    return file, read_ratings(file, form, BATCH), form.differences()


def check_ratings(path: Path, batches: Batches) -> Iterator[int]:
    """Read a data set before anything of it is stored; yield the size of each batch, bytes.

    Raises DataError if a line is invalid or an id belongs to a user who signed up here.
    """
    signed_up = set(db.session.scalars(select(User.id).where(User.from_data_set.is_(False))))
    for rows, size in batches:
        taken = signed_up.intersection(row.user_id for row in rows)
        if taken:
            raise _is_taken(path, min(taken))
        yield size


def _is_taken(path: Path, user_id: int) -> DataError:
    return DataError(
        f"{path}: user {user_id} signed up here; import a data set before people sign up, or"
        " give its users ids that are not taken"
    )


def import_ratings(
    path: Path, batches: Batches, release: Release, counts: ImportCounts
) -> Iterator[int]:
    """Import a data set's users and ratings; yield the size of each batch, bytes.

    Each batch is a transaction, and a stored rating stays if it is as new or newer, so that an
    interrupted import can be repeated. Raises DataError if an id belongs to a user who signed up
    since ``check_ratings``.
    """
    item_ids = set(db.session.scalars(select(Item.id)))
    for rows, size in batches:
        listed = [row for row in rows if row.item_id in item_ids]
        if listed:
            _import_batch(listed, path, release)
        counts.ratings += len(listed)
        counts.untitled += len(rows) - len(listed)
        yield size
    _finish(release)


@retry_on_conflict
def _import_batch(rows: list[Row], path: Path, release: Release) -> None:
    _add_users({row.user_id for row in rows}, path, release)
    _add_ratings(rows)
    db.session.commit()


@retry_on_conflict
def _finish(release: Release) -> None:
    db.session.execute(update(SiteState).values(has_data_set=True))
    item_statistics.refresh(release)
    db.session.commit()


def _add_users(user_ids: set[int], path: Path, release: Release) -> None:
    """Add users without a login; users who sign up meanwhile get none of these ids."""
    # Those with keys are beyond all that people who sign up will get.
    highest = max((i for i in user_ids if i < FIRST_KEYED_USER), default=0)
    taken = update(SiteState).where(SiteState.last_user_id < highest)
    db.session.execute(taken.values(last_user_id=highest))
    signed_up = select(User.id).where(User.id.in_(user_ids), User.from_data_set.is_(False)).limit(1)
    if (user_id := db.session.scalar(signed_up)) is not None:
        db.session.rollback()
        raise _is_taken(path, user_id)
    now = utcnow()
    users = [{"id": user_id, "created_at": now, "from_data_set": True} for user_id in user_ids]
    if release.keys is not None:
        _add_keys(users, release.keys.users)
    upsert(User, users, keep=("created_at", "from_data_set"))


def _add_keys(users: list[dict[str, Any]], keys: Keys) -> None:
    for user in users:
        user["key"] = keys.key_of(user["id"])
    known = [user["key"] for user in users if user["key"] is not None]
    # A key that has changed hands would be there twice until both rows are written.
    db.session.execute(update(User).where(User.key.in_(known)).values(key=None))


def _add_ratings(rows: list[Row]) -> None:
    now = utcnow()
    newest = {(row.user_id, row.item_id): row for row in sorted(rows, key=lambda row: row.seconds)}
    ratings = [
        {
            "user_id": row.user_id,
            "item_id": row.item_id,
            "rating": row.rating,
            # A rating from the future could never be replaced.
            "rated_at": min(datetime.fromtimestamp(row.seconds, UTC), now),
            "is_implicit": False,
        }
        for row in newest.values()
    ]
    upsert(Rating, ratings, newest_by="rated_at")


def export_ratings(destination: str, release: Release) -> tuple[int, int]:
    """Write every explicit rating as ``ratings.csv`` to a folder or ``s3://bucket/prefix``, and the
    titles that were added here as ``titles.jsonl``.

    Returns their numbers. Titles that are hidden are left out, with their ratings. In a keyed
    catalogue columns of keys follow, empty for people who signed up here. Files are replaced whole.
    A rating below the scale's lowest, such as 0, is written as the lowest, which training accepts.
    Raises ConfigError or StorageError if a file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        ratings, titles = Path(folder, ML_CSV.ratings_file), Path(folder, TITLES_FILE)
        counts = _write(ratings, release.catalogue), export_titles(titles)
        try:
            # The ratings are last: they make an export.
            _deliver([titles, ratings], destination)
        except OSError as error:
            raise ConfigError(
                f"{destination}: cannot be written ({error}); give a folder or s3://bucket/prefix"
                " that you may write to"
            ) from error
    return counts


def _write(file: Path, catalogue: Catalogue) -> int:
    columns = [Rating.user_id, Rating.item_id, Rating.rating, Rating.rated_at]
    stored = select(*columns).where(Rating.is_implicit.is_(False), is_handed_over())
    if catalogue.keyed:
        stored = stored.join(User).join(Item).add_columns(User.key, Item.key)
    stored = stored.order_by(Rating.user_id, Rating.item_id)
    count = 0
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*COLUMNS, *(KEYS if catalogue.keyed else ())))
        for row in db.session.execute(stored.execution_options(yield_per=BATCH)):
            stars, seconds = max(row.rating, catalogue.rating_min), int(row.rated_at.timestamp())
            writer.writerow((row.user_id, row.item_id, f"{stars:g}", seconds, *row[len(columns) :]))
            count += 1
    return count


def _deliver(files: list[Path], destination: str) -> None:
    """Write the files; at the end an empty one, only over one that is there."""
    files = sorted(files, key=lambda file: not file.stat().st_size)
    if s3.is_address(destination):
        for file in files:
            if file.stat().st_size or file.name in s3.listing(destination):
                s3.upload(file, s3.join(destination, file.name))
        return
    folder = Path(destination)
    folder.mkdir(parents=True, exist_ok=True)
    names = {file.name for file in files}
    others = {path.name for path in folder.iterdir() if not path.name.startswith(".")} - names
    if others:
        raise ConfigError(
            f"{destination}: holds {min(others)}: its {ML_CSV.ratings_file} may be a data set's;"
            " give a folder for the export alone"
        )
    for file in files:
        if file.stat().st_size or (folder / file.name).exists():
            write_atomically(folder / file.name, file.read_bytes())
