"""Look up posters and running times in The Movie Database."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from flask import current_app
from sqlalchemy import or_, select
from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from app.extensions import db
from app.models import Item
from recommender.errors import ConfigError, DataError

ADDRESS = "https://api.themoviedb.org/3"
TIMEOUT_SECONDS = 20.0
# TMDB asks for a pause with 429 and Retry-After; other failures are retried after 1, 2, 4 … s.
TRIES = Retry(
    total=5, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)
COMMIT_EACH = 20
# A running time above it is a mistake (a whole series in one title).
LONGEST_MINUTES = 1_500
Details = tuple[str, int | None]
# Only a plain file name may become part of an address.
_PICTURE = re.compile(r"/[._-]*[A-Za-z0-9][A-Za-z0-9._-]*")


def titles_without_poster(again: bool = False) -> list[tuple[int, int]]:
    """Return (item id, TMDB id) of items not looked up yet, most rated first.

    ``again``: also of those for which TMDB had no poster.
    """
    unknown = Item.poster_path.is_(None)
    rows = db.session.execute(
        select(Item.id, Item.tmdb_id)
        .where(
            Item.tmdb_id.is_not(None), or_(unknown, Item.poster_path == "") if again else unknown
        )
        .order_by(Item.rating_count.desc(), Item.id)
    )
    return [(item_id, tmdb_id) for item_id, tmdb_id in rows if tmdb_id is not None]


def fetch_posters(waiting: Sequence[tuple[int, int]], rate: float) -> Iterator[bool]:
    """Look up (item id, TMDB id) pairs, ``rate`` a second, and store the answers; yield whether
    there is a poster.

    What was stored stays when this is interrupted. Raises ConfigError if the key is missing or
    refused, DataError if TMDB cannot be reached.
    """
    key = current_app.config["TMDB_API_KEY"]
    if not key:
        raise ConfigError("TMDB_API_KEY is not set; themoviedb.org gives one to every account")
    pool = PoolManager(retries=TRIES, timeout=TIMEOUT_SECONDS)
    due = time.monotonic()
    try:
        for number, (item_id, tmdb_id) in enumerate(waiting, start=1):
            time.sleep(max(0.0, due - time.monotonic()))
            due = time.monotonic() + 1 / rate
            path, minutes = _details(pool, tmdb_id, key)
            item = db.session.get_one(Item, item_id)
            item.poster_path, item.minutes = path, minutes or item.minutes
            if number % COMMIT_EACH == 0:
                db.session.commit()
            yield bool(path)
    finally:
        db.session.commit()


def _details(pool: PoolManager, tmdb_id: int, key: str) -> Details:
    """Return the poster's path as "/abc.jpg", "" if TMDB has no poster, or no such title; and the
    running time in minutes, if TMDB has it."""
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


def _read(answer: BaseHTTPResponse) -> Details:
    if answer.status == 401:
        raise ConfigError("TMDB_API_KEY is not accepted by TMDB")
    if answer.status == 404:
        return "", None
    if answer.status != 200:
        raise DataError(f"TMDB answers {answer.status}; run this again later to go on")
    try:
        found = answer.json()
        path, minutes = found.get("poster_path") or "", found.get("runtime")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError("TMDB answers no JSON; run this again later to go on") from error
    return path if _is_picture(path) else "", minutes if _is_running_time(minutes) else None


def _is_picture(path: object) -> bool:
    return isinstance(path, str) and len(path) <= 64 and bool(_PICTURE.fullmatch(path))


def _is_running_time(minutes: object) -> bool:
    """Return whether it is one; TMDB has 0 for titles whose running time it does not know."""
    return type(minutes) is int and 0 < minutes <= LONGEST_MINUTES
