"""Export everything that the site stores about a user."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from typing import IO, Any

from sqlalchemy import Select, select

from app.db.clock import utcnow
from app.extensions import db
from app.http import request_budget
from app.models import (
    Experiment,
    Exposure,
    Friendship,
    Impression,
    Item,
    ListEntry,
    Rating,
    Token,
    User,
    Visit,
)
from app.portability.import_reports import newest_reports
from app.recommend.model_watcher import serving

Row = dict[str, Any]
# Rows that are held at a time, and bytes of a file that stay in memory.
ROWS_AT_A_TIME = 1_000
LARGEST_IN_MEMORY = 1_000_000
FORMULA = re.compile(r"'*[=+\-@\t\r\n\0]")


def everything_of(user: User) -> dict[str, Any]:
    """Return the user's data by kind, times in ISO 8601, UTC; without hash and session key.

    Kinds that may have many rows are read while they are asked for, once.
    """
    column = serving.feedback_kind.column
    return {
        "account": {
            "user_id": user.id,
            "username": user.username,
            "email": user.email,
            "email_confirmed_at": _plain(user.email_confirmed_at),
            "role": user.role,
            "created_at": user.created_at.isoformat(),
            "reset_asked_at": user.reset_asked_at.isoformat() if user.reset_asked_at else None,
            "gender": user.gender,
            "year_of_birth": user.year_of_birth,
        },
        "ratings": (
            _with_column_name(row, column) for row in _with_titles(Rating, user.id, _OF_RATING)
        ),
        "marks": _with_titles(ListEntry, user.id, ["kind", "marked_at"]),
        "shown": _with_titles(Impression, user.id, ["shown_at", "place", "model_version"]),
        "exposures": _exposures(user),
        "visits": [
            {"day": day.isoformat()}
            for day in db.session.scalars(
                select(Visit.day).where(Visit.user_id == user.id).order_by(Visit.day)
            )
        ],
        "imports": [
            {"imported_at": done.imported_at.isoformat(), **done.report}
            for done in reversed(newest_reports(user.id))
        ],
        "companions": _companions(user),
        "tokens": [
            {name: _plain(getattr(token, name)) for name in EMPTY["tokens"]}
            for token in db.session.scalars(
                select(Token).where(Token.user_id == user.id).order_by(Token.id)
            )
        ],
    }


def as_json(whole: dict[str, Any]) -> IO[bytes]:
    """Return a temporary file with one JSON object, a row a line."""
    file = _temporary_file()
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


def as_csv_files(whole: dict[str, Any]) -> IO[bytes]:
    """Return a temporary file: a zip with one CSV file a kind."""
    file = _temporary_file()
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


def _temporary_file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(LARGEST_IN_MEMORY)


def _json(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def _write_csv(text: IO[str], kind: str, rows: Iterator[Row]) -> None:
    first = [_plain_columns(row) for row in islice(rows, 1)]
    empty = dict.fromkeys(EMPTY.get(kind, ["nothing"]))
    header = first[0] if first else _with_column_name(empty, serving.feedback_kind.column)
    writer = csv.DictWriter(text, list(header), lineterminator="\r\n")
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


# The first lines of files without rows, so that an empty export can be read like any other.
_TITLE = ["item_id", "title", "year", "imdb_id", "tmdb_id"]
_OF_RATING = [
    *("rating", "rated_at", "is_implicit"),
    *("predicted", "community", "model_version", "via"),
]
EMPTY = {
    "ratings": [*_TITLE, *_OF_RATING],
    "marks": [*_TITLE, "kind", "marked_at"],
    "shown": [*_TITLE, "shown_at", "place", "model_version"],
    "exposures": ["experiment", "item_id", "title", "arm", "shown_at", "place", "model_version"],
    "visits": ["day"],
    "imports": ["imported_at", "source", "file"],
    "companions": ["username", "asked_at", "agreed_at", "asked_by_them"],
    "tokens": ["name", "created_at", "expires_at", "revoked_at", "last_used_at"],
}


def _with_column_name(row: Row, column: str) -> Row:
    """Name the rating of a row as the release's kind of feedback does."""
    return {column if name == "rating" else name: value for name, value in row.items()}


def _rows(query: Select[*tuple[Any, ...]]) -> Iterator[Row]:
    """Read the rows a few at a time: all of a person's may be hundreds of thousands."""
    result = db.session.execute(query.execution_options(yield_per=ROWS_AT_A_TIME))
    for rows in result.mappings().partitions():
        request_budget.check()
        for row in rows:
            yield {name: _plain(value) for name, value in row.items()}


def _with_titles(model: Any, user_id: int, columns: list[str]) -> Iterator[Row]:
    yield from _rows(
        select(
            Item.id.label("item_id"),
            *(getattr(Item, name) for name in _TITLE[1:]),
            *(getattr(model, name) for name in columns),
        )
        .join(model, model.item_id == Item.id)
        .where(model.user_id == user_id)
        .order_by(Item.id)
    )


def _exposures(user: User) -> Iterator[Row]:
    columns = (Exposure.arm, Exposure.shown_at, Exposure.place, Exposure.model_version)
    yield from _rows(
        select(Experiment.name.label("experiment"), Item.id.label("item_id"), Item.title, *columns)
        .join(Exposure, Exposure.experiment_id == Experiment.id)
        .join(Item, Item.id == Exposure.item_id)
        .where(Exposure.user_id == user.id)
        .order_by(Experiment.id, Item.id)
    )


def _companions(user: User) -> list[Row]:
    rows = [
        *db.session.execute(
            select(User.username, Friendship)
            .join(Friendship, Friendship.user_id == User.id)
            .where(Friendship.asked_id == user.id)
        ),
        *db.session.execute(
            select(User.username, Friendship)
            .join(Friendship, Friendship.asked_id == User.id)
            .where(Friendship.user_id == user.id)
        ),
    ]
    return [
        {
            "username": name,
            "asked_at": _plain(pair.asked_at),
            "agreed_at": _plain(pair.agreed_at),
            "asked_by_them": pair.asked_id == user.id,
        }
        for name, pair in rows
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
