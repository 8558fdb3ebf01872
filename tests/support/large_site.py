"""A site as large as MovieLens latest-small, with users who rated every item."""

from __future__ import annotations

import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert, select
from threadpoolctl import threadpool_limits

from app import create_app
from app.db.clock import utcnow
from app.extensions import db
from app.feedback.ratings import A_YEAR
from app.models import Friendship, Item, ListEntry, Rating, User
from recommender.storage.release_store import ReleaseStore
from tests.support.releases import large_release, no_parity_sample
from tests.support.site import settings


@contextmanager
def large_site(migrated: Path, folder: Path) -> Iterator[Flask]:
    """A site in ``folder`` that serves a large release; ``migrated``: a database to copy."""
    store = ReleaseStore(folder / "releases")
    publish_large(store)
    database = Path(shutil.copy(migrated, folder / "site.db"))
    app = create_app(settings(database, store.folder), TESTING=True, WTF_CSRF_ENABLED=False)
    app.debug = False  # JSON in one line, as in production
    app.test_client().get("/health")
    yield app
    with app.app_context():
        db.engine.dispose()


def publish_large(store: ReleaseStore, items: int = 9_742, rank: int = 128) -> None:
    """Write and promote a large release."""
    release, catalog = large_release(items, rank)
    store.publish(release, catalog, no_parity_sample())
    store.promote(release.version)


def rate_everything(app: Flask, user_id: int, titles: int | None = None) -> None:
    """Store ratings of all items, or of the given number, one minute apart, with predictions."""
    with app.app_context():
        ids = db.session.scalars(select(Item.id).order_by(Item.id).limit(titles)).all()
        start = utcnow() - A_YEAR
        rows = [
            {
                "user_id": user_id,
                "item_id": item_id,
                "rating": 0.5 + n % 10 / 2,
                "rated_at": start + n * (A_YEAR / 600_000),
                "predicted": 3.0,
                "community": 3.5,
                "via": "search",
            }
            for n, item_id in enumerate(ids)
        ]
        db.session.execute(insert(Rating), rows)
        db.session.commit()


def set_everything_aside(app: Flask, user_id: int, kind: str) -> None:
    """Store a list entry of ``kind`` for each item."""
    with app.app_context():
        ids = db.session.scalars(select(Item.id)).all()
        row = {"user_id": user_id, "kind": kind, "marked_at": utcnow()}
        db.session.execute(insert(ListEntry), [{**row, "item_id": item_id} for item_id in ids])
        db.session.commit()


def add_users(app: Flask, count: int, companion_of: int | None = None) -> list[int]:
    """Add people without a login; each has agreed to group nights with ``companion_of``."""
    with app.app_context():
        first = 1_000
        ids = list(range(first, first + count))
        people = [
            User(id=n, username=f"friend{n}", username_key=f"friend{n}", created_at=utcnow())
            for n in ids
        ]
        db.session.add_all(people)
        db.session.flush()
        if companion_of is not None:
            now = utcnow()
            db.session.add_all(
                Friendship(user_id=companion_of, asked_id=n, asked_at=now, agreed_at=now)
                for n in ids
            )
        db.session.commit()
    return ids


def processor_seconds(work: Callable[[], Any]) -> float:
    """Return the processor time of ``work`` in this process, with one BLAS thread as in production.

    Several threads would spin while they wait for each other: seconds on a busy machine.
    """
    with threadpool_limits(1):
        start = time.process_time()
        work()
        return time.process_time() - start


def peak_bytes(work: Callable[[], Any]) -> int:
    """Return the peak of allocated memory while ``work`` runs."""
    tracemalloc.start()
    try:
        with threadpool_limits(1):
            work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
