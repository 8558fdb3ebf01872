"""Read what a page shows, and what the database stores afterwards."""

from __future__ import annotations

import re

from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.models import Rating

SCI_FI, ROMANCE = [1, 2, 3, 5], [8, 13, 21, 34]


def shown(page: str) -> list[int]:
    """Return the item ids on a page, in order."""
    return [int(item) for item in re.findall(r'data-item="(\d+)"', page)]


def stored(app: Flask) -> list[tuple[int, float]]:
    with app.app_context():
        return [
            (r.item_id, r.rating)
            for r in db.session.scalars(select(Rating).order_by(Rating.user_id, Rating.item_id))
        ]
