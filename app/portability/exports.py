"""Export everything that the site stores about a user."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any

from sqlalchemy import select

from app.extensions import db
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

Rows = list[dict[str, Any]]
FORMULA = re.compile(r"'*[=+\-@\t\r\n\0]")


def everything_of(user: User) -> dict[str, Any]:
    """Return the user's data by kind, times in ISO 8601, UTC; without hash and session key."""
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
        "ratings": [_with_column_name(row) for row in _with_titles(Rating, user.id, _OF_RATING)],
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


def as_csv_files(whole: dict[str, Any]) -> bytes:
    """Return a zip with one CSV file a kind."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, rows in whole.items():
            rows = [rows] if isinstance(rows, dict) else rows
            archive.writestr(f"{kind}.csv", _csv(kind, rows))
    return packed.getvalue()


def _csv(kind: str, rows: Rows) -> str:
    plain = [
        {name: guarded(value) for name, value in row.items() if not isinstance(value, (list, dict))}
        for row in rows
    ]
    text = io.StringIO()
    header = list(
        plain[0] if plain else _with_column_name(dict.fromkeys(EMPTY.get(kind, ["nothing"])))
    )
    writer = csv.DictWriter(text, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(plain)
    return text.getvalue()


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


def _with_column_name(row: dict[str, Any]) -> dict[str, Any]:
    """Name the rating of a row as the release's kind of feedback does."""
    return {serving.feedback_kind.column if k == "rating" else k: value for k, value in row.items()}


def _with_titles(model: Any, user_id: int, columns: list[str]) -> Rows:
    rows = db.session.execute(
        select(
            Item.id.label("item_id"),
            *(getattr(Item, name) for name in _TITLE[1:]),
            *(getattr(model, name) for name in columns),
        )
        .join(model, model.item_id == Item.id)
        .where(model.user_id == user_id)
        .order_by(Item.id)
    )
    return [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]


def _exposures(user: User) -> Rows:
    columns = (Exposure.arm, Exposure.shown_at, Exposure.place, Exposure.model_version)
    rows = db.session.execute(
        select(Experiment.name.label("experiment"), Item.id.label("item_id"), Item.title, *columns)
        .join(Exposure, Exposure.experiment_id == Experiment.id)
        .join(Item, Item.id == Exposure.item_id)
        .where(Exposure.user_id == user.id)
        .order_by(Experiment.id, Item.id)
    )
    return [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]


def _companions(user: User) -> Rows:
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
