"""Single lists as files: in the columns that Letterboxd imports, in those of IMDb, and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from sqlalchemy import ColumnElement, null, select

from app.extensions import db
from app.feedback.profile import profile_of
from app.feedback.user_lists import SEEN, WATCHLIST, is_listed
from app.http import request_budget
from app.models import Item, ListEntry, Rating
from app.portability.exports import ROWS_AT_A_TIME, guarded, temporary_file
from app.recommend.feedback_kind import BEST
from app.recommend.model_watcher import serving
from app.recommend.service import rank, with_items

RECOMMENDATIONS, RATINGS = "recommendations", "ratings"
LISTS = (RECOMMENDATIONS, WATCHLIST, RATINGS, SEEN)
JSON, LETTERBOXD, IMDB = FORMS = ("json", "letterboxd", "imdb")
RECOMMENDED = 100
TEN = 10


@dataclass(frozen=True)
class ListedItem:
    """``value``: the user's stars, hours or count. ``guess``: what we predict."""

    item: Item
    value: float | None = None
    at: datetime | None = None
    guess: float | None = None


def forms() -> tuple[str, ...]:
    """Return the formats that fit the catalogue in service: those of film services for films."""
    kind = serving.feedback_kind
    return (JSON,) if kind.is_general or not kind.has_accuracy else FORMS


def items_of(user_id: int, listed: str) -> Iterator[ListedItem]:
    """Yield the items of one of LISTS: recommendations best first, others newest first."""
    if listed == RECOMMENDATIONS:
        return _recommended(user_id)
    return _stored(user_id, listed)


def as_file(items: Iterable[ListedItem], listed: str, form: str) -> IO[bytes]:
    """Return a temporary file in one of FORMS."""
    file = temporary_file()
    if form == JSON:
        _write_json(file, items, listed)
    else:
        _write_csv(file, items, *_CSV[form])
    return file


def _recommended(user_id: int) -> Iterator[ListedItem]:
    served = serving.to_or_none(user_id)
    if served is None:
        return
    profile = profile_of(user_id)
    ranked = rank(served.model, profile.ratings, RECOMMENDED, profile.hidden)
    for each in with_items(served.model, profile.ratings, ranked):
        yield ListedItem(each.item, guess=each.guess)


def _stored(user_id: int, listed: str) -> Iterator[ListedItem]:
    value: ColumnElement[Any] = null()
    if listed == RATINGS:
        value, at = Rating.rating.expression, Rating.rated_at
        query = select(Item, value, at).join(Rating, Rating.item_id == Item.id)
        query = query.where(Rating.user_id == user_id, Rating.is_implicit.is_(False))
    else:
        at = ListEntry.marked_at
        query = select(Item, value, at).join(ListEntry, ListEntry.item_id == Item.id)
        query = query.where(*is_listed(user_id, listed))
    query = query.order_by(at.desc(), Item.id).execution_options(yield_per=ROWS_AT_A_TIME)
    for rows in db.session.execute(query).partitions():
        request_budget.check()
        for row in rows:
            yield ListedItem(*row)


def _write_csv(
    file: IO[bytes],
    items: Iterable[ListedItem],
    columns: tuple[str, ...],
    row_of: Callable[[int, ListedItem], tuple[Any, ...]],
) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(columns)
    for place, listed in enumerate(items, 1):
        writer.writerow(["" if v is None else guarded(v) for v in row_of(place, listed)])
    text.detach()


def _letterboxd_row(_place: int, listed: ListedItem) -> tuple[Any, ...]:
    item = listed.item
    directors = ", ".join(item.creator_list)
    stars = None if listed.value is None else f"{listed.value:g}"
    return item.imdb_id, item.tmdb_id, item.title, item.year, directors, stars


def _imdb_row(place: int, listed: ListedItem) -> tuple[Any, ...]:
    item = listed.item
    of_ten = None if listed.value is None else f"{listed.value * TEN / BEST:g}"
    day = listed.at.date().isoformat() if listed.at else None
    address = f"https://www.imdb.com/title/{item.imdb_id}/" if item.imdb_id else None
    genres, directors = ", ".join(item.genre_list), ", ".join(item.creator_list)
    rated = day if of_ten is not None else None
    return (
        *(place, item.imdb_id, day, item.title, address, "Movie", item.year, genres, directors),
        *(of_ten, rated),
    )


_CSV = {
    LETTERBOXD: (("imdbID", "tmdbID", "Title", "Year", "Directors", "Rating"), _letterboxd_row),
    IMDB: (
        (
            *("Position", "Const", "Created", "Title", "URL", "Title Type", "Year", "Genres"),
            *("Directors", "Your Rating", "Date Rated"),
        ),
        _imdb_row,
    ),
}


def _write_json(file: IO[bytes], items: Iterable[ListedItem], listed: str) -> None:
    kind = serving.feedback_kind
    file.write(f'{{"list": {json.dumps(listed)},\n "items": ['.encode())
    for place, each in enumerate(items):
        file.write(b",\n  " if place else b"\n  ")
        file.write(json.dumps(_as_json(each, kind.column, kind.per_star)).encode())
    file.write(b"\n]}\n")


def _as_json(listed: ListedItem, column: str, per_star: float) -> dict[str, Any]:
    item = listed.item
    of_films = {"imdb_id": item.imdb_id, "tmdb_id": item.tmdb_id}
    value, guess = listed.value, listed.guess
    return {
        "item_id": item.id,
        "key": item.key,
        "title": item.title,
        "year": item.year,
        "creators": item.creator_list,
        "genres": item.genre_list,
        **({} if serving.feedback_kind.is_general else of_films),
        **({} if value is None else {column: value * per_star}),
        **({} if listed.at is None else {"at": listed.at.isoformat()}),
        **({} if guess is None else {"predicted": guess * per_star}),
    }
