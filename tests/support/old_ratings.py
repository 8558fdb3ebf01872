"""Ratings from before a test, in a database whose tables are of any version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import MetaData, Table, create_engine, insert

import config

BEGAN = datetime.fromisoformat("2024-01-01 12:00")
# Far above those that the site gives out during a test.
FIRST_USER = 1_000_000


def fill_with_ratings(url: str, items: Sequence[int], number: int) -> dict[tuple[int, int], float]:
    """Add people without a login who rated every one of ``items``: ``number`` ratings in all.

    Returns the ratings by user and item.
    """
    engine = create_engine(config.with_driver(url))
    users, ratings = (
        Table(name, MetaData(), autoload_with=engine) for name in ("users", "ratings")
    )
    people = range(FIRST_USER, FIRST_USER + number // len(items))
    stars = {(user, item): 0.5 + (user + item) % 10 / 2 for user in people for item in items}
    with engine.begin() as connection:
        named = [{"id": n, "username": f"u{n}", "username_key": f"u{n}"} for n in people]
        connection.execute(insert(users), [{**row, "created_at": BEGAN} for row in named])
        connection.execute(
            insert(ratings),
            [
                {"user_id": user, "item_id": item, "rating": rating, "rated_at": BEGAN}
                for (user, item), rating in stars.items()
            ],
        )
    engine.dispose()
    return stars
