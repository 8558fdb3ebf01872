"""Every table into a backup, as it was at one moment, and out of it in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import IO, Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, TableClause, select
from sqlalchemy.exc import DBAPIError

from app.backup.file import BATCH, FORMAT, Backup, Header, Tally, encoded, write
from app.db.clock import utcnow
from app.extensions import db
from app.models import CatalogueState, SiteState, UtcDateTime
from recommender.errors import DataError

# What a column holds, as the file calls it.
KINDS: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "integer": sa.Integer,
    "number": sa.Float,
    "flag": sa.Boolean,
    "text": sa.String,
    "moment": UtcDateTime,
    "day": sa.Date,
    "json": sa.JSON,
}
READ = {"moment": datetime.fromisoformat, "day": date.fromisoformat}
# Tables of one row, which the migrations made, in the order in which bringing titles locks them.
STATES = (CatalogueState.__table__.name, SiteState.__table__.name)


def back_up(stream: IO[bytes]) -> dict[str, int]:
    """Write all there is; how many rows of each table. Others may read and write meanwhile.

    Raises DataError where the database's tables are not those of the models, or cannot be read.
    """
    with _snapshot() as connection:
        revision, ours = _revision(connection), _scripts().get_current_head()
        if revision != ours:
            raise DataError(
                f"the database is of revision {revision}, this Marquee of {ours};"
                " run `flask db upgrade` first, or back up with the Marquee that serves it"
            )
        models = db.metadata.sorted_tables
        tables = {table.name: {c.name: _kind(c) for c in table.columns} for table in models}
        header = Header(FORMAT, str(revision), utcnow().isoformat(), tables)
        keys = {table.name: [column.name for column in table.primary_key] for table in models}
        return write(
            stream,
            header,
            (
                (name, _rows(connection, _table(name, columns), keys[name]))
                for name, columns in tables.items()
            ),
        )


def restore(backup: Backup, replace: bool = False) -> None:
    """Store every row of a backup and compare what is stored with it; all of it, or nothing.

    Raises DataError where the database is of another revision, or holds rows already and is not to
    be replaced, and where the database refuses.
    """
    try:
        with db.engine.connect() as connection:
            _check_revision(backup, connection)
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            tables = {name: _table(name, kinds) for name, kinds in backup.header.tables.items()}
            _have_it_alone(tables, connection)
            if not replace:
                _check_empty(tables, connection)
            _replace(backup, tables, connection)
            _compare(backup, tables, connection)
            _advance_sequences(tables, connection)
            connection.commit()
    except DBAPIError as error:
        raise DataError(
            f"{backup.name}: the database refused it, and nothing was changed ({_reason(error)});"
            " stop what else writes to the database, and try again"
        ) from error


@contextmanager
def _snapshot() -> Iterator[Connection]:
    """A connection that sees one moment's rows from its first query to its last.

    Raises DataError where the database cannot be read.
    """
    try:
        with db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    except DBAPIError as error:
        raise DataError(f"the database cannot be read ({_reason(error)})") from error


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _kind(column: sa.Column[Any]) -> str:
    return next(kind for kind, type_ in KINDS.items() if isinstance(column.type, type_))


def _table(name: str, kinds: dict[str, str]) -> TableClause:
    """As the file describes it: a backup of an older revision has other columns than the models."""
    return sa.table(name, *(sa.column(column, KINDS[kind]()) for column, kind in kinds.items()))


def _rows(
    connection: Connection, table: TableClause, order: Sequence[str] = ()
) -> Iterator[list[bytes]]:
    """A table's rows as lines of a backup, in batches; no more of them in memory than a batch."""
    chosen = select(*table.columns).order_by(*(table.c[name] for name in order))
    found = connection.execute(chosen.execution_options(yield_per=BATCH))
    for rows in found.partitions():
        yield [encoded(tuple(row)) for row in rows]


def _check_revision(backup: Backup, connection: Connection) -> None:
    theirs, ours = backup.header.revision, _revision(connection)
    if theirs == ours:
        return
    known = {script.revision for script in _scripts().walk_revisions()}
    raise DataError(
        f"{backup.name}: is of revision {theirs}, the database of {ours or 'none'}; "
        + (
            f"bring an empty database there (`flask db upgrade {theirs}`), restore,"
            " then `flask db upgrade`"
            if theirs in known
            else "this Marquee does not know that revision: restore with the one that made it"
        )
    )


def _have_it_alone(tables: dict[str, TableClause], connection: Connection) -> None:
    """Another that restores, signs someone up or brings titles waits until this one is done."""
    for name in STATES:
        if name in tables:  # an older revision has fewer
            state = tables[name]
            connection.execute(sa.update(state).values(id=state.c.id))


def _check_empty(tables: dict[str, TableClause], connection: Connection) -> None:
    for name, table in tables.items():
        if name not in STATES and connection.scalar(select(sa.exists().select_from(table))):
            raise DataError(
                f"the database is not empty: table {name} has rows;"
                " --replace deletes all there is and puts the backup in its place"
            )


def _replace(backup: Backup, tables: dict[str, TableClause], connection: Connection) -> None:
    """By deleting rows: a table that is dropped commits the transaction on MySQL."""
    for table in reversed(tables.values()):
        connection.execute(sa.delete(table))
    for name, rows in backup.batches():
        columns = [(column, READ.get(kind)) for column, kind in backup.header.tables[name].items()]
        connection.execute(
            sa.insert(tables[name]),
            [
                {
                    column: read(value) if read and value is not None else value
                    for (column, read), value in zip(columns, row, strict=True)
                }
                for row in rows
            ],
        )


def _compare(backup: Backup, tables: dict[str, TableClause], connection: Connection) -> None:
    """Raises DataError where what is stored is not what the backup has."""
    for name, table in tables.items():
        tally = Tally()
        for lines in _rows(connection, table):
            for line in lines:
                tally.add(line)
        if (tally.rows, tally.digest) != (backup.rows[name], backup.digests[name]):
            raise DataError(
                f"{backup.name}: table {name} came out with {tally.rows:,} rows, or other ones,"
                f" in place of {backup.rows[name]:,}; nothing was changed."
                " Stop what else writes to the database, and try again"
            )


def _advance_sequences(tables: dict[str, TableClause], connection: Connection) -> None:
    """The next id is one that no row has. The others see to it themselves, PostgreSQL does not."""
    if connection.dialect.name != "postgresql":
        return
    for name, table in tables.items():
        for column in table.columns:
            sequence = connection.scalar(select(sa.func.pg_get_serial_sequence(name, column.name)))
            if sequence is not None:
                highest = select(sa.func.max(column)).scalar_subquery()
                # A sequence never goes back, not even when the transaction does.
                next_one = sa.func.greatest(sa.func.nextval(sequence), highest)
                connection.execute(select(sa.func.setval(sequence, next_one)))
