"""Converts plain values, as JSON and YAML hold them, to checked records."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect, structs

from recommender.errors import ConfigError, UnknownParameter

LARGEST_FLOAT = sys.float_info.max
_PLAIN: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.ListType: "a list",
    inspect.StrType: "text",
    inspect.StructType: "`name: value` lines",
    inspect.VarTupleType: "a list",
}
UNKNOWN = "Object contains unknown field"
Record = TypeVar("Record", bound=msgspec.Struct)


def convert(values: Any, kind: type[Record], where: str) -> Record:
    """Convert ``values`` strictly: no text for a number, no fraction for a whole number, no NaN.

    A section that is null takes its defaults. Raises ConfigError naming ``where``, the value's
    place in it, and what is expected there.
    """
    values = _without_empty_sections(values, kind)
    try:
        return msgspec.convert(values, kind)
    except ValueError as error:  # of msgspec, or for half a surrogate pair
        unknown = UNKNOWN in str(error)
        report = UnknownParameter if unknown else ConfigError
        raise report(_explain(str(error), values, kind, where)) from error


def _without_empty_sections(values: Any, kind: Any) -> Any:
    if not (isinstance(values, Mapping) and isinstance(kind, type)):
        return values
    kinds = {f.encode_name: f.type for f in structs.fields(kind)}
    sections = {name for name, type_ in kinds.items() if hasattr(type_, "__struct_fields__")}
    return {
        name: _without_empty_sections({} if value is None else value, kinds[name])
        if name in sections
        else value
        for name, value in values.items()
    }


def _explain(message: str, values: Any, kind: type[msgspec.Struct], where: str) -> str:
    """Say in words what msgspec's ``message`` says, such as "Expected `int` >= 1 - at `$.rank`"."""
    problem, _, path = message.partition(" - at `$")
    path = path.split("[...]")[0]  # which entry of a mapping it was, msgspec does not say
    expected: Any = inspect.type_info(kind)
    names = [where]
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if name:
            values = values[name]
            expected = next(f.type for f in expected.fields if f.encode_name == name)
        else:
            values, expected = values[int(index)], _unwrap(expected).item_type
        if isinstance(expected, inspect.UnionType):
            expected = _alternative(expected, values)
        names.append(name or f"entry {int(index) + 1}")
    place = ", ".join(names)
    if " - at `key` in " in message:
        return f"{place}: each name must be text; put it in quotes"
    if unknown := re.fullmatch(rf"{UNKNOWN} `(.*)`", problem, re.DOTALL):
        known = ", ".join(f.encode_name for f in expected.fields)
        return f"{place}: unknown parameter {unknown[1]!r}; known are {known}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return f"{place}: {missing[1]} is missing"
    if not problem.startswith(("Expected ", "Invalid ", "Number out of range")):
        return f"{place}: {problem}"  # of our own, by `__post_init__`
    *sections, last = names
    named = f"{', '.join(sections)}: {last}" if sections else f"{where}:"
    return f"{named} must be {_describe(expected)}, not {values!r:.1000}"


def _alternative(union: inspect.UnionType, value: Any) -> Any:
    """Return the type of a union that a value was meant for: a record, else the first."""
    records = [t for t in union.types if isinstance(t, inspect.StructType)]
    return records[0] if records and isinstance(value, Mapping) else union.types[0]


def _unwrap(type_: Any) -> Any:
    return type_.type if isinstance(type_, inspect.Metadata) else type_


def _describe(type_: Any) -> str:
    if isinstance(type_, inspect.Metadata):
        title = (type_.extra_json_schema or {}).get("title")
        return str(title or _describe(type_.type))
    if isinstance(type_, inspect.DictType):
        return f"`name: value` lines, each value {_describe(type_.value_type)}"
    if isinstance(type_, (inspect.IntType, inspect.FloatType)):
        number = "a whole number" if isinstance(type_, inspect.IntType) else "a number"
        low = "" if type_.ge is None else f" of at least {type_.ge:g}"
        bounded = type_.le is not None and type_.le < LARGEST_FLOAT
        return f"{number}{low}{f' and at most {type_.le:g}' if bounded else ''}"
    return _PLAIN.get(type(type_), "another value")
