"""Records from JSON hold what their fields are declared to hold."""

from __future__ import annotations

import types
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints


def check_types(record: Any) -> None:
    """Raises TypeError naming the first field of a dataclass whose value is of another type.

    Of a container only the container itself is looked at. A whole number is a float too, and a
    boolean is no number.
    """
    kind: Any = type(record)
    for name, declared in _declared(kind).items():
        value = getattr(record, name)
        if not isinstance(value, declared) or (isinstance(value, bool) and bool not in declared):
            raise TypeError(f"{name} is {repr(value)[:40]}")


@cache
def _declared(kind: type) -> dict[str, tuple[type, ...]]:
    return {name: _types(hint) for name, hint in get_type_hints(kind).items()}


def _types(hint: Any) -> tuple[type, ...]:
    if isinstance(hint, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _types(part))
    plain = get_origin(hint) or hint
    return (int, float) if plain is float else (plain,)
