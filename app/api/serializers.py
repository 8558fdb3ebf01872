"""Turn results into the values of JSON as a response schema says, compiled once a catalogue.

Marshmallow's own ``dump`` asks each field of each row what it is, and takes ten times as long. The
schemas stay what the OpenAPI document is made from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import marshmallow as ma
from marshmallow import fields

from app.api.value_scale import OwnValue
from app.api.vocabulary import names_of
from recommender.catalogue import Catalogue

Convert = Callable[[Any], Any]
PLAIN: dict[type[fields.Field], Convert] = {
    fields.Integer: int,
    fields.Float: float,
    fields.String: str,
    fields.Boolean: bool,
    fields.Dict: dict,
}


class Style(NamedTuple):
    """What answers depend on. ``catalogue``: of the release in service, None before the first.
    ``per_star``: see ``FeedbackKind``."""

    catalogue: Catalogue | None
    per_star: float


@lru_cache(maxsize=256)
def serializer(schema: type[ma.Schema], style: Style) -> Convert:
    """Return a function from an object or a mapping to a dict of JSON's values.

    A value that a row lacks is left out, as marshmallow does.
    """
    names = names_of(style.catalogue) if style.catalogue else {}
    left_out = _left_out(style.catalogue)
    columns = [
        (names.get(name, name), field.attribute or name, _converter(field, style))
        for name, field in schema().dump_fields.items()
        if name not in left_out
    ]
    # The part of a path after its first step, as in "item.title".
    steps = [
        (name, first, attrgetter(rest) if rest else None, convert)
        for name, path, convert in columns
        for first, _, rest in [path.partition(".")]
    ]

    def serialize(row: Any) -> dict[str, Any]:
        is_mapping, values = isinstance(row, Mapping), {}
        for name, first, rest, convert in steps:
            value = row.get(first, ma.missing) if is_mapping else getattr(row, first, ma.missing)
            if value is ma.missing:
                continue
            if rest is not None:
                value = rest(value)
            values[name] = None if value is None else convert(value)
        return values

    return serialize


def _left_out(catalogue: Catalogue | None) -> set[str]:
    """Return the names that only keyed catalogues, or those with facts of their own, answer."""
    keyed = catalogue is not None and catalogue.keyed
    has_facts = catalogue is not None and bool(catalogue.facts)
    return {name for name, is_known in (("key", keyed), ("facts", has_facts)) if not is_known}


def _converter(field: fields.Field, style: Style) -> Convert:
    if isinstance(field, fields.Nested):
        return serializer(type(field.schema), style)
    if isinstance(field, fields.List):
        convert = _converter(field.inner, style)
        return lambda rows: [convert(row) for row in rows]
    if isinstance(field, OwnValue):
        return lambda value: float(value) * style.per_star
    if type(field) in PLAIN:
        return PLAIN[type(field)]
    return lambda value: field._serialize(value, "", None)
