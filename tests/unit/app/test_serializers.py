"""Rows of answers, as the response schemas name and convert their values."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import marshmallow as ma
import pytest
from marshmallow import fields
from msgspec.structs import replace

from app.api import response_schemas
from app.api.response_schemas import BatchResultSchema, MovieSchema, RatedMovieSchema
from app.api.serializers import Style, serializer
from app.api.value_scale import OwnValue
from tests.support.releases import tiny_games_release, tiny_release

FILMS = Style(tiny_release().catalogue, 1.0)
GAMES = Style(tiny_games_release().catalogue, 1.0)
DUNE = SimpleNamespace(
    id=7, key="dune", title="Dune", year=None, genres="Drama", description=None, fact_values={}
)
SHOWN = {"title": "Dune", "year": None, "genres": "Drama", "description": None}


def test_row_has_the_names_of_the_catalogue() -> None:
    assert serializer(MovieSchema, FILMS)(DUNE) == {"movie_id": 7, **SHOWN}
    assert serializer(MovieSchema, GAMES)(DUNE) == {"game_id": 7, **SHOWN}


def test_key_is_in_rows_of_keyed_catalogues_alone() -> None:
    keyed = replace(tiny_release().catalogue, keyed=True)
    assert serializer(MovieSchema, Style(keyed, 1.0))(DUNE)["key"] == "dune"


def test_value_is_the_catalogue_s_own_number() -> None:
    rated = {
        "item": DUNE,
        "rating": 3.5,
        "is_implicit": 0,
        "rated_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    row = serializer(RatedMovieSchema, Style(FILMS.catalogue, 2.0))(rated)
    assert row == {
        "movie": {"movie_id": 7, **SHOWN},
        "rating": 7.0,
        "is_implicit": False,
        "ts": "2026-01-02T00:00:00+00:00",
    }


def test_value_that_a_row_lacks_is_left_out() -> None:
    assert serializer(BatchResultSchema, FILMS)({"recommendations": []}) == {"recommendations": []}


VALUES: list[tuple[fields.Field, Any, Any]] = [
    (fields.Integer(), 3, 3),
    (fields.Float(), 3, 3.0),
    (fields.String(), "x", "x"),
    (fields.Boolean(), 1, True),
    (fields.Dict(), {"a": 1}, {"a": 1}),
    (fields.List(fields.String()), ("a", "b"), ["a", "b"]),
    (fields.DateTime(), datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
    (fields.Integer(allow_none=True), None, None),
]


@pytest.mark.parametrize(("field", "value", "written"), VALUES)
def test_value_is_written_as_marshmallow_writes_it(
    field: fields.Field, value: Any, written: Any
) -> None:
    schema = ma.Schema.from_dict({"value": field})
    assert serializer(schema, FILMS)({"value": value}) == {"value": written}
    assert schema().dump({"value": value}) == {"value": written}


def test_every_field_of_the_answers_is_one_of_these() -> None:
    known = {type(field) for field, *_ in VALUES} | {fields.Nested, OwnValue}
    schemas = [
        schema
        for schema in vars(response_schemas).values()
        if isinstance(schema, type) and issubclass(schema, ma.Schema)
    ]
    used = {type(field) for schema in schemas for field in schema().dump_fields.values()}
    assert used <= known
