"""Finds the columns of a table that are named, and converts them in Spark, without reading rows."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    FractionalType,
    IntegralType,
    MapType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from recommender.errors import DataError
from spark_jobs.datasets.catalogue_source.description import RatingColumns, SplitColumn

# Of ratings as converted. ``bad_value`` and ``bad_time``: what cannot be converted, as it stands.
RATINGS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("user", "item")),
        ("value", pa.float64()),
        ("seconds", pa.int64()),
        *((name, pa.string()) for name in ("bad_value", "bad_time")),
    ]
)
SEPARATORS = (";", "\t", "|", ",")
NOTHING = "CAST(NULL AS {})"
# Roles whose cells hold no list.
ONE_VALUE = ("title", "year", "image", "link", "description", "available")
NESTED = (ArrayType, MapType, StructType)


def check_columns(frame: DataFrame, where: str, named: Mapping[str, str]) -> None:
    """Raise DataError for a column that is named and missing. ``named``: column by role."""
    for role, column in named.items():
        if column and column not in frame.columns:
            raise DataError(
                f"{where}: column {column!r} ({role}) is missing; there are"
                f" {', '.join(frame.columns) or 'none'}; correct `columns`{_separator(frame)}"
            )


def _separator(frame: DataFrame) -> str:
    """Return a remedy for a CSV file whose columns were read as one, "" for any other table."""
    name = frame.columns[0] if len(frame.columns) == 1 else ""
    sep = max(SEPARATORS, key=name.count)
    return f", or say how they are separated: `options: {{sep: {sep!r}}}`" if sep in name else ""


def select_ratings(frame: DataFrame, columns: RatingColumns, where: str) -> DataFrame:
    """Return the ratings of a table with the columns of RATINGS_SCHEMA.

    Raises DataError for a column that is missing or of a type that cannot be converted.
    """
    named = {"user": columns.user, "item": columns.item, "value": columns.value}
    check_columns(frame, where, {**named, "time": columns.time})
    user, item = (_key(frame, named[role], role, where) for role in ("user", "item"))
    value, bad_value = _number(frame, columns.value, where)
    seconds, bad_time = _seconds(frame, columns.time, where)
    expressions = (user, item, value, seconds, bad_value, bad_time)
    selected: list[Column] = [
        F.expr(expression).alias(name)
        for expression, name in zip(expressions, RATINGS_SCHEMA.names, strict=True)
    ]
    return frame.select(*selected)


def select_items(
    frame: DataFrame, columns: Mapping[str, str | SplitColumn], where: str
) -> DataFrame:
    """Return columns as text by role, those of lists as they are."""
    names = {role: c if isinstance(c, str) else c.column for role, c in columns.items()}
    check_columns(frame, where, names)
    selected = []
    for role, name in names.items():
        if role == "item":
            expression = _key(frame, name, role, where)
        elif not name:
            expression = NOTHING.format("string")
        elif _is_list(frame, name):
            if role in ONE_VALUE:
                kind = _type_of(frame, name)
                raise _unusable(where, name, role, kind, "one value in each cell")
            expression = f"CAST({_quoted(name)} AS array<string>)"
        else:
            expression = _text(frame, name)
        selected.append(F.expr(expression).alias(role))
    return frame.select(*selected)


def _type_of(frame: DataFrame, column: str) -> DataType:
    return frame.schema[column].dataType


def _is_list(frame: DataFrame, column: str) -> bool:
    return isinstance(_type_of(frame, column), ArrayType)


def _quoted(column: str) -> str:
    escaped = column.replace("`", "``")
    return f"`{escaped}`"


def _key(frame: DataFrame, column: str, role: str, where: str) -> str:
    """Any text or whole number is a key; of numbers with a point those that are whole."""
    kind = _type_of(frame, column)
    if isinstance(kind, (*NESTED, BooleanType, TimestampType, TimestampNTZType)):
        raise _unusable(where, column, role, kind, "text or whole numbers")
    return _text(frame, column)


def _text(frame: DataFrame, column: str) -> str:
    kind, name = _type_of(frame, column), _quoted(column)
    if isinstance(kind, BinaryType):
        return f"CAST({name} AS string)"
    if isinstance(kind, FractionalType) and not (isinstance(kind, DecimalType) and not kind.scale):
        whole = f"CAST(TRY_CAST({name} AS decimal(38,0)) AS string)"
        return f"IF({name} = FLOOR({name}), {whole}, CAST({name} AS string))"
    return f"CAST({name} AS string)"


def _number(frame: DataFrame, column: str, where: str) -> tuple[str, str]:
    """Return the expressions of a number, 1 without a column, and of what is none."""
    if not column:
        return "CAST(1 AS double)", NOTHING.format("string")
    kind, name = _type_of(frame, column), _quoted(column)
    if isinstance(kind, (*NESTED, DateType, TimestampType, TimestampNTZType, BinaryType)):
        raise _unusable(where, column, "value", kind, "numbers")
    if isinstance(kind, (IntegralType, FractionalType, BooleanType)):
        return f"CAST({name} AS double)", NOTHING.format("string")
    number = f"TRY_CAST({name} AS double)"
    return number, _where_lost(name, number)


def _seconds(frame: DataFrame, column: str, where: str) -> tuple[str, str]:
    """Return the expressions of seconds since 1970, 0 without a column, and of what is no time."""
    if not column:
        return "CAST(0 AS bigint)", NOTHING.format("string")
    kind, name = _type_of(frame, column), _quoted(column)
    if isinstance(kind, (*NESTED, BooleanType, BinaryType)):
        raise _unusable(where, column, "time", kind, "times, dates, or seconds since 1970")
    if isinstance(kind, (TimestampType, TimestampNTZType, DateType)):
        return f"CAST(CAST({name} AS timestamp) AS bigint)", NOTHING.format("string")
    if isinstance(kind, (IntegralType, FractionalType)):
        return f"CAST({name} AS bigint)", NOTHING.format("string")
    time = f"CAST(TRY_CAST({name} AS timestamp) AS bigint)"
    # A number is of seconds; Spark would read 2000 as a year.
    seconds = f"COALESCE(TRY_CAST({name} AS bigint), {time})"
    return seconds, _where_lost(name, seconds)


def _where_lost(name: str, converted: str) -> str:
    """The text itself where there is one that cannot be converted."""
    lost = f"{converted} IS NULL AND TRIM({name}) <> ''"
    return f"IF({lost}, CAST({name} AS string), NULL)"


def _unusable(where: str, column: str, role: str, kind: DataType, wanted: str) -> DataError:
    return DataError(
        f"{where}: column {column!r} ({role}) is of type {kind.simpleString()}, and must hold"
        f" {wanted}; name another column, or convert it"
    )
