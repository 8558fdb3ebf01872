"""Rows in every table of the models, including tables added later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from app.db.types import UtcDateTime
from app.extensions import db
from app.models import CatalogueState, SiteState

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROWS = 3
# Tables of one row, which the migrations insert.
STATES = (CatalogueState.__table__.name, SiteState.__table__.name)
TEXT = "Ærø “𝕏” 🎬\n\t\\'\"%"


def fill(engine: Engine, number: int = ROWS) -> None:
    """Replace the rows of each table by ``number`` rows, or by one in tables with a single row.

    In the last row every nullable column is NULL.
    """
    with engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
        for table in db.metadata.sorted_tables:
            for n in range(1, 2 if table.name in STATES else number + 1):
                connection.execute(table.insert(), row_of(table, n, last=n == number))
    if engine.dialect.name == "postgresql":
        _advance_sequences(engine, number)


def row_of(table: sa.Table, n: int, last: bool = False) -> dict[str, Any]:
    return {
        column.name: None if last and column.nullable else value_of(column, n)
        for column in table.columns
    }


def value_of(column: sa.Column[Any], n: int) -> Any:
    """Return a value for row n, which references row n of other tables."""
    match column.type:
        case sa.Boolean():
            return (n == 1 or None) if column.unique else n % 2 == 1
        case sa.Integer():
            return ROWS if column.name == "last_user_id" else n
        case sa.Float():
            return n / 3
        case UtcDateTime():
            return NOON + timedelta(seconds=n, microseconds=n)
        case sa.Date():
            return date(2026, 1, n)
        case sa.LargeBinary():
            return bytes([n, 0, 255])
        case sa.JSON():
            return {"said": TEXT, "among": [n, None, 1 / 3, True], "about": {"z": 1, "a": n}}
        case sa.String(length=length):
            return f"{n} {column.name} {TEXT}"[:length]
    raise AssertionError(f"no value for {column}; say here what its type holds")


def rows_of_all(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the models, sorted, by table name."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
        for table in db.metadata.sorted_tables
    }


def _advance_sequences(engine: Engine, number: int) -> None:
    """Set sequences to continue after the ids that were inserted explicitly."""
    with engine.begin() as connection:
        for sequence in connection.scalars(
            sa.text("SELECT quote_ident(sequencename) FROM pg_sequences")
        ).all():
            connection.execute(sa.text(f"SELECT setval('{sequence}', {number})"))
