"""Ratings of years in a database, whatever version its tables are of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import MetaData, Table, create_engine, insert

import config

BEGAN = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
# Far above those that the site gives out during a test.
FIRST_USER = 1_000_000


def fill_with_ratings(url: str, items: Sequence[int], number: int) -> None:
    """Add people without a login who rated every one of ``items``: ``number`` ratings in all."""
    engine = create_engine(config.with_driver(url))
    users, ratings = (
        Table(name, MetaData(), autoload_with=engine) for name in ("users", "ratings")
    )
    people = range(FIRST_USER, FIRST_USER + number // len(items))
    with engine.begin() as connection:
        connection.execute(
            insert(users),
            [
                {"id": n, "username": f"u{n}", "username_key": f"u{n}", "created_at": BEGAN}
                for n in people
            ],
        )
        connection.execute(
            insert(ratings),
            [
                {
                    "user_id": person,
                    "item_id": item,
                    "rating": 0.5 + (person + item) % 10 / 2,
                    "rated_at": BEGAN + timedelta(minutes=person - FIRST_USER),
                }
                for person in people
                for item in items
            ],
        )
    engine.dispose()
