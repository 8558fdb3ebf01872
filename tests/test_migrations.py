"""The migrations, on every database: they lead up and down, and keep what people stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from app import create_app
from app.extensions import db
from app.models import Rating
from tests.conftest import settings
from tests.databases import DATABASES, Server, new_database

FIRST, BEFORE_REST = "f11ffe288c71", "a93c5d0be214"
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
    """A site whose database has nothing in it, and its application context."""
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


def test_they_lead_up_and_down_and_up(site: Flask) -> None:
    to("head")
    tables = set(inspect(db.engine).get_table_names())
    assert {"users", "items", "ratings", "site_state"} <= tables
    to("base", downgrade)
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    to("head")
    assert set(inspect(db.engine).get_table_names()) == tables


def test_they_make_exactly_the_tables_of_the_models(site: Flask) -> None:
    to("head")
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_they_keep_what_people_stored(site: Flask) -> None:
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


def test_going_back_before_the_rest_api_leaves_out_what_nobody_said(site: Flask) -> None:
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
    # Descriptions have to come: the catalogue is brought again.
    assert rows("SELECT version FROM catalogue_state") == [(None,)]
