"""The migrations, on every database: up and down, keeping stored data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, inspect, select, text

from app import create_app
from app.extensions import db
from app.models import Rating, User
from tests.support.databases import DATABASES, Server, new_database
from tests.support.filled_tables import fill
from tests.support.site import settings

FIRST, BEFORE_REST = "f11ffe288c71", "a93c5d0be214"
BEFORE_CONFIRMATION = "7b20f4d9c6e1"
ROWS = {
    "users": {"id": 1, "username": "ann", "email": "ann@example.com"},
    "items": {"id": 1, "title": "A", "genres": "", "search_key": "a", "rating_count": 0},
    "ratings": {"user_id": 1, "item_id": 1, "rating": 4.5},
}
NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=DATABASES)
def site(
    request: pytest.FixtureRequest, tmp_path: Path, servers: Callable[[str], Server]
) -> Iterator[Flask]:
    """A site with an empty database, in its application context."""
    app = create_app(settings(new_database(request.param, servers, tmp_path), tmp_path))
    with app.app_context():
        yield app
        db.engine.dispose()


def to(revision: str, migration: Callable[..., None] = upgrade) -> None:
    migration(revision=revision)
    db.engine.dispose()


def insert(table: str, **values: Any) -> None:
    with db.engine.begin() as connection:
        places = ", ".join(f":{name}" for name in values)
        statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"
        connection.execute(text(statement), values)


def rows(query: str) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def furnish(moment: str = "2026-01-01 12:00:00.123456") -> None:
    insert("users", **ROWS["users"], created_at=moment)
    insert("items", **ROWS["items"])
    insert("ratings", **ROWS["ratings"], rated_at=moment)


def test_migrations_run_up_down_and_up_again(site: Flask) -> None:
    to("head")
    tables = set(inspect(db.engine).get_table_names())
    assert {"users", "items", "ratings", "site_state"} <= tables
    to("base", downgrade)
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    to("head")
    assert set(inspect(db.engine).get_table_names()) == tables


def test_migrations_create_the_tables_of_the_models(site: Flask) -> None:
    to("head")
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_upgrade_keeps_stored_data(site: Flask) -> None:
    to(FIRST)
    furnish()
    to("head")
    assert rows("SELECT rating, via FROM ratings") == [(4.5, None)]
    assert rows("SELECT role FROM users") == [("person",)]
    assert db.session.get_one(Rating, (1, 1)).rated_at == NOON
    db.session.remove()
    insert("users", id=2, username="cat", email="ann@example.com", created_at="2026-01-01")
    to(FIRST, downgrade)
    assert rows("SELECT id, email FROM users ORDER BY id") == [(1, "ann@example.com"), (2, None)]
    assert rows("SELECT rating FROM ratings") == [(4.5,)]
    to("head")


def test_downgrade_before_the_rest_api_deletes_implicit_ratings(site: Flask) -> None:
    to("head")
    furnish()
    insert("items", **{**ROWS["items"], "id": 2})
    watched = {**ROWS["ratings"], "item_id": 2, "is_implicit": True}
    insert("ratings", **watched, rated_at="2026-01-01")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE catalogue_state SET version = 'x'"))
    to(BEFORE_REST, downgrade)
    assert rows("SELECT item_id FROM ratings") == [(1,)]
    to("head")
    assert rows("SELECT item_id, is_implicit FROM ratings") == [(1, False)]
    # The catalogue must be synced again to get descriptions.
    assert rows("SELECT version FROM catalogue_state") == [(None,)]


def test_upgrade_confirms_an_address_when_only_one_account_has_it(site: Flask) -> None:
    to(BEFORE_CONFIRMATION)
    moment = "2026-01-01 12:00:00.123456"
    emails = ("ann@example.com", "shared@example.com", "shared@example.com", None)
    for user_id, email in enumerate(emails, start=1):
        insert("users", id=user_id, email=email, created_at=moment)
    to("head")
    confirmed = select(User.id, User.email_confirmed_at).order_by(User.id)
    assert [tuple(row) for row in db.session.execute(confirmed)] == [
        (1, NOON),
        *((user_id, None) for user_id in (2, 3, 4)),
    ]
    db.session.remove()


def test_downgrade_and_upgrade_of_a_full_database_keep_common_columns(
    site: Flask,
) -> None:
    to("head")
    fill(db.engine)
    everything = stored()
    assert all(everything.values())
    # Its place before it had its own table.
    everything["site_state"][0]["catalogue_version"] = everything["catalogue_state"][0]["version"]
    revisions = [script.revision for script in scripts().walk_revisions()]
    for revision in revisions[1:]:
        to(revision, downgrade)
        assert stored() == {table: kept(everything, table, stored()) for table in stored()}
    first = stored()
    for revision in reversed(revisions):
        to(revision)
        now = stored()
        # The catalogue is synced again, see above.
        now["site_state"][0]["catalogue_version"] = first["site_state"][0]["catalogue_version"]
        assert first == {table: within(now[table], first[table]) for table in first}
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
    to("base", downgrade)
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    to("head")
    assert len(rows("SELECT * FROM site_state")) == 1


Rows = list[dict[str, Any]]


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())


def stored() -> dict[str, Rows]:
    """Return every row of every table at this revision, sorted."""
    tables = MetaData()
    with db.engine.connect() as connection:
        tables.reflect(connection)
        return {
            name: sorted(
                (dict(row._mapping) for row in connection.execute(select(table))), key=repr
            )
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


def kept(everything: dict[str, Rows], table: str, now: dict[str, Rows]) -> Rows:
    """Return the rows that must remain: before the REST API, only explicit ratings."""
    implicit = table == "ratings" and "is_implicit" not in now["ratings"][0]
    found = [row for row in everything[table] if not (implicit and row["is_implicit"])]
    return within(found, now[table])


def within(found: Rows, like: Rows) -> Rows:
    """Return rows reduced to the columns of the other ones."""
    return sorted(({name: row[name] for name in like[0]} for row in found), key=repr)
