"""Posters from The Movie Database: which picture belongs to which title."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, or_, select
from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from app.extensions import db
from app.models import Item
from recommender.errors import ConfigError, DataError

ADDRESS = "https://api.themoviedb.org/3"
PATIENCE = 20.0
# TMDB asks for a pause with 429 and Retry-After; other stumbles are tried again after 1, 2, 4 … s.
TRIES = Retry(
    total=5, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)
COMMIT_EACH = 20


@dataclass(frozen=True)
class Waiting:
    item_id: int
    tmdb_id: int


def titles_without_poster(again: bool = False) -> list[Waiting]:
    """Titles not asked about yet, most rated first; ``again``: also those TMDB had none of."""
    unknown: ColumnElement[bool] = Item.poster_path.is_(None)
    if again:
        unknown = or_(unknown, Item.poster_path == "")
    rows = db.session.execute(
        select(Item.id, Item.tmdb_id)
        .where(Item.tmdb_id.is_not(None), unknown)
        .order_by(Item.rating_count.desc(), Item.id)
    )
    return [Waiting(row.id, row.tmdb_id) for row in rows if row.tmdb_id is not None]


def fetch_posters(waiting: Sequence[Waiting], rate: float) -> Iterator[bool]:
    """Ask for each title and store the answer; yields whether there is a poster.

    What was stored stays when this is interrupted. Raises ConfigError without a key or with a
    wrong one, DataError where TMDB cannot be reached.
    """
    key = current_app.config["TMDB_API_KEY"]
    if not key:
        raise ConfigError("TMDB_API_KEY is not set; themoviedb.org gives one to every account")
    pool = PoolManager(retries=TRIES, timeout=PATIENCE)
    due = time.monotonic()
    try:
        for number, title in enumerate(waiting, start=1):
            time.sleep(max(0.0, due - time.monotonic()))
            due = time.monotonic() + 1 / rate
            path = _poster_path(pool, title.tmdb_id, key)
            db.session.get_one(Item, title.item_id).poster_path = path
            if number % COMMIT_EACH == 0:
                db.session.commit()
            yield bool(path)
    finally:
        db.session.commit()


def _poster_path(pool: PoolManager, tmdb_id: int, key: str) -> str:
    """As "/abc.jpg"; "" where TMDB has no poster, or no such title."""
    address = current_app.config.get("TMDB_ADDRESS", ADDRESS)
    # Keys of version 4 are bearer tokens, those of version 3 a parameter.
    bearer = len(key) > 40
    try:
        answer = pool.request(
            "GET",
            f"{address}/movie/{tmdb_id}",
            fields=None if bearer else {"api_key": key},
            headers={"Authorization": f"Bearer {key}"} if bearer else None,
        )
    except HTTPError as error:
        raise DataError(
            f"TMDB cannot be reached ({type(error).__name__}); run this again to go on"
        ) from error
    return _read(answer)


def _read(answer: BaseHTTPResponse) -> str:
    if answer.status == 401:
        raise ConfigError("TMDB_API_KEY is not accepted by TMDB")
    if answer.status == 404:
        return ""
    if answer.status != 200:
        raise DataError(f"TMDB answers {answer.status}; run this again later to go on")
    try:
        path = answer.json().get("poster_path") or ""
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError("TMDB answers no JSON; run this again later to go on") from error
    return path if _is_picture(path) else ""


def _is_picture(path: object) -> bool:
    """What goes into an address is a plain file name, whoever sent it."""
    return (
        isinstance(path, str)
        and path.isascii()
        and path.startswith("/")
        and path[1:].replace(".", "").replace("-", "").replace("_", "").isalnum()
        and len(path) <= 64
    )
