"""Export everything that the site stores about a user."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import IO, Any

from sqlalchemy import ColumnElement, Select, literal, select

from app.db.clock import utcnow
from app.extensions import db
from app.http import request_budget
from app.models import (
    AddedTitle,
    Experiment,
    Exposure,
    Feed,
    Friendship,
    Import,
    ImportChange,
    Impression,
    Item,
    ListEntry,
    OpenLine,
    Rating,
    Token,
    User,
    Visit,
)
from app.portability.import_reports import newest_reports
from app.recommend.feedback_kind import BEST
from app.recommend.model_watcher import serving

Row = dict[str, Any]
# Rows that are held at a time, and bytes of a file that stay in memory.
ROWS_AT_A_TIME = 1_000
LARGEST_IN_MEMORY = 1_000_000
FORMULA = re.compile(r"'*[=+\-@\t\r\n\0]")
_OF_ACCOUNT = ["username", "email", "email_confirmed_at", "role", "created_at", "reset_asked_at"]
_OF_ACCOUNT += ["gender", "year_of_birth"]
# Values, which are given on the catalogue's own scale; its end is named where that is not five.
_VALUES = {"rating", "predicted", "community", "rating_before", "rating_after"}
_SCALE = "of"
_IDS_OF_FILMS = ["imdb_id", "tmdb_id"]
_OF_ITEM = ["title", "year", *_IDS_OF_FILMS]
_OF_RATING = ["rating", "rated_at", "is_implicit", "predicted", "community", "model_version", "via"]
_OF_CHANGE = ["at_before", "at_after", "rating_before", "rating_after", "is_implicit", "predicted"]
_OF_CHANGE += ["community", "model_version", "via"]
_OF_LINE = ["line", "title", "original_title", "year", "catalogue_id", "imdb_id", "tmdb_id"]
_OF_LINE += ["mark", "rating", "at"]
# The columns of each kind; those of imports are followed by the fields of the reports.
COLUMNS = {
    "ratings": ["item_id", *_OF_ITEM, *_OF_RATING],
    "marks": ["item_id", *_OF_ITEM, "kind", "marked_at"],
    "shown": ["item_id", *_OF_ITEM, "shown_at", "place", "model_version", "days", "last_day"],
    "exposures": ["experiment", "item_id", "title", "arm", "shown_at", "place", "model_version"],
    "visits": ["day"],
    "imports": ["imported_at", "undone_at", "source", "file"],
    "import_changes": ["item_id", *_OF_ITEM, "kind", *_OF_CHANGE],
    "open_lines": _OF_LINE,
    "added_titles": ["item_id", *_OF_ITEM, "added_at", "via"],
    "companions": [
        "username",
        "asked_at",
        "agreed_at",
        "asked_by_them",
        "compares",
        "they_compare",
    ],
    "feeds": ["created_at"],
    "tokens": ["name", "created_at", "expires_at", "revoked_at", "last_used_at"],
}


def everything_of(user: User) -> dict[str, Row | Iterable[Row]]:
    """Return the user's data by kind, times in ISO 8601, UTC; without hash and session key.

    Rows are read from the database while they are iterated over, once.
    """
    account = {name: _plain(getattr(user, name)) for name in _OF_ACCOUNT}
    return {
        "account": {"user_id": user.id, **account},
        "ratings": _item_rows("ratings", Rating, user.id),
        "marks": _item_rows("marks", ListEntry, user.id),
        "shown": _item_rows("shown", Impression, user.id),
        "exposures": _exposures(user.id),
        "visits": _own_rows("visits", Visit, user.id, Visit.day),
        "imports": [
            {
                "imported_at": done.imported_at.isoformat(),
                "undone_at": _plain(done.undone_at),
                **done.report,
            }
            for done in reversed(newest_reports(user.id))
        ],
        "import_changes": _import_changes(user.id),
        "open_lines": _own_rows("open_lines", OpenLine, user.id, OpenLine.key),
        "added_titles": _added_titles(user.id),
        "companions": _companions(user.id),
        "feeds": _own_rows("feeds", Feed, user.id, Feed.created_at),
        "tokens": _own_rows("tokens", Token, user.id, Token.id),
    }


def as_json(whole: dict[str, Row | Iterable[Row]]) -> IO[bytes]:
    """Return a temporary file with one JSON object, a row a line."""
    file = temporary_file()
    file.write(b"{")
    for number, (kind, rows) in enumerate(whole.items()):
        file.write(f"{',' if number else ''}\n{json.dumps(kind)}: ".encode())
        if isinstance(rows, dict):
            file.write(_json(rows))
            continue
        file.write(b"[")
        for place, row in enumerate(rows):
            file.write((b",\n  " if place else b"\n  ") + _json(row))
        file.write(b"]")
    file.write(b"\n}\n")
    return file


def as_csv_files(whole: dict[str, Row | Iterable[Row]]) -> IO[bytes]:
    """Return a temporary file: a zip with one CSV file a kind."""
    file = temporary_file()
    with zipfile.ZipFile(file, "w") as archive:
        for kind, rows in whole.items():
            member = zipfile.ZipInfo(f"{kind}.csv", utcnow().timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            with (
                archive.open(member, "w") as packed,
                io.TextIOWrapper(packed, "utf-8", newline="") as text,
            ):
                _write_csv(text, kind, iter([rows] if isinstance(rows, dict) else rows))
    return file


def temporary_file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(LARGEST_IN_MEMORY)


def _json(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def _write_csv(text: IO[str], kind: str, rows: Iterator[Row]) -> None:
    first = [_plain_columns(row) for row in islice(rows, 1)]
    writer = csv.DictWriter(text, list(first[0]) if first else list(_columns(kind).values()))
    writer.writeheader()
    writer.writerows(chain(first, map(_plain_columns, rows)))


def _plain_columns(row: Row) -> Row:
    return {
        name: guarded(value) for name, value in row.items() if not isinstance(value, (list, dict))
    }


def guarded(value: Any) -> Any:
    """Prefix text that a spreadsheet would take for a formula with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def unguarded(text: str) -> str:
    """Undo ``guarded``."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def _columns(kind: str) -> dict[str, str]:
    """Return the names of a kind's columns by ours: the rating's as the release's feedback is
    named, no ids of films where there are none, and the end of the scale where it is not five."""
    feedback = serving.feedback_kind
    left_out = _IDS_OF_FILMS if feedback.is_general else ()
    names = [name for name in COLUMNS[kind] if name not in left_out]
    if feedback.per_star != 1 and _VALUES & set(names):
        names.append(_SCALE)
    return {name: feedback.column if name == "rating" else name for name in names}


def _labelled(kind: str, model: Any, of_item: Collection[str] = ()) -> Iterator[ColumnElement[Any]]:
    """Yield the columns of a kind, from ``model`` or, those in ``of_item``, from the item."""
    per_star = serving.feedback_kind.per_star
    for name, label in _columns(kind).items():
        if name == _SCALE:
            yield literal(BEST * per_star).label(label)
            continue
        column = getattr(Item if name in of_item else model, name)
        in_stars = name not in _VALUES or per_star == 1
        yield (column if in_stars else column * per_star).label(label)


def _rows(query: Select[*tuple[Any, ...]]) -> Iterator[Row]:
    """Read the rows a few at a time: all of a user's may be hundreds of thousands."""
    result = db.session.execute(query.execution_options(yield_per=ROWS_AT_A_TIME))
    for rows in result.mappings().partitions():
        request_budget.check()
        for row in rows:
            yield {name: _plain(value) for name, value in row.items()}


def _own_rows(kind: str, model: Any, user_id: int, order: Any) -> Iterator[Row]:
    columns = _labelled(kind, model)
    yield from _rows(select(*columns).where(model.user_id == user_id).order_by(order))


def _item_rows(kind: str, model: Any, user_id: int) -> Iterator[Row]:
    yield from _rows(
        select(*_labelled(kind, model, _OF_ITEM))
        .join_from(model, Item)
        .where(model.user_id == user_id)
        .order_by(model.item_id)
    )


def _added_titles(user_id: int) -> Iterator[Row]:
    yield from _rows(
        select(*_labelled("added_titles", AddedTitle, _OF_ITEM))
        .join_from(AddedTitle, Item, Item.id == AddedTitle.item_id)
        .where(AddedTitle.added_by == user_id)
        .order_by(AddedTitle.item_id)
    )


def _import_changes(user_id: int) -> Iterator[Row]:
    change = ImportChange
    yield from _rows(
        select(*_labelled("import_changes", change, _OF_ITEM))
        .join_from(change, Import)
        .join(Item, Item.id == change.item_id)
        .where(Import.user_id == user_id)
        .order_by(change.import_id, change.kind, change.item_id)
    )


def _exposures(user_id: int) -> Iterator[Row]:
    columns = (Exposure.arm, Exposure.shown_at, Exposure.place, Exposure.model_version)
    yield from _rows(
        select(Experiment.name.label("experiment"), Exposure.item_id, Item.title, *columns)
        .join_from(Exposure, Experiment)
        .join(Item)
        .where(Exposure.user_id == user_id)
        .order_by(Experiment.id, Item.id)
    )


def _companions(user_id: int) -> Iterator[Row]:
    """Yield friendships: first those that others asked for. In one query, MariaDB uses no index."""
    friendship = Friendship
    shares = friendship.user_shares, friendship.asked_shares
    ways = (
        (friendship.user_id, friendship.asked_id, *shares),
        (friendship.asked_id, friendship.user_id, *reversed(shares)),
    )
    for other, own, they_compare, compares in ways:
        asked_by_them = own is Friendship.asked_id
        yield from _rows(
            select(
                User.username,
                Friendship.asked_at,
                Friendship.agreed_at,
                literal(asked_by_them).label("asked_by_them"),
                compares.label("compares"),
                they_compare.label("they_compare"),
            )
            .join_from(Friendship, User, User.id == other)
            .where(own == user_id)
            .order_by(User.id)
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
