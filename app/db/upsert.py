"""INSERT or UPDATE by primary key, in the dialect of each database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ARRAY, case, func, literal, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from app.extensions import Base, db


def upsert(
    model: type[Base],
    rows: Sequence[dict[str, Any]],
    keep: Collection[str] = (),
    newest_by: str | None = None,
) -> None:
    """Insert ``rows``; where the primary key exists, update their columns except those in ``keep``.

    Keys of rows must differ. An existing row stays unchanged if no column is left to update, or if
    its column ``newest_by`` is greater than that of the new row. Executes one statement; the caller
    commits.
    """
    if not rows:
        return
    table: Any = model.__table__
    key = [column.name for column in table.primary_key]
    # Sorted, so that transactions that write the same rows do not deadlock.
    rows = sorted(rows, key=itemgetter(*key))
    changed = [name for name in rows[0] if name not in key and name not in keep]
    dialect = db.engine.dialect.name
    parameters: Sequence[dict[str, Any]] | None = rows
    if dialect in ("mysql", "mariadb"):
        insert = mysql.insert(table)
        statement: Any = insert.on_duplicate_key_update(
            # MySQL assigns left to right, and the others compare with ``newest_by``: it is last.
            [
                (name, _unless_newer(insert, name, newest_by))
                for name in sorted(changed, key=lambda name: name == newest_by)
            ]
            or {key[0]: insert.inserted[key[0]]}
        )
    else:
        flavour: Any = postgresql if dialect == "postgresql" else sqlite
        insert = flavour.insert(table)
        if dialect == "postgresql" and len(rows) > 1:
            insert, parameters = _from_arrays(insert, rows), None
        statement = insert.on_conflict_do_nothing(index_elements=key)
        if changed:
            statement = insert.on_conflict_do_update(
                index_elements=key,
                set_={name: insert.excluded[name] for name in changed},
                where=insert.excluded[newest_by] >= table.c[newest_by] if newest_by else None,
            )
    db.session.execute(statement, parameters)


def _from_arrays(insert: Any, rows: Sequence[dict[str, Any]]) -> Any:
    """Insert from one array for each column, in one statement instead of one for each row."""
    columns = {
        name: literal([row[name] for row in rows], ARRAY(insert.table.c[name].type))
        for name in rows[0]
    }
    return insert.from_select(list(columns), select(*map(func.unnest, columns.values())))


def _unless_newer(insert: Any, name: str, newest_by: str | None) -> Any:
    inserted, stored = insert.inserted, insert.table.c
    if newest_by is None:
        return inserted[name]
    return case((inserted[newest_by] >= stored[newest_by], inserted[name]), else_=stored[name])
