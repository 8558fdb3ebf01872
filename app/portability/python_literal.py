"""Translate a Python literal, as Steam's published libraries have it, to JSON.

``ast.literal_eval`` takes a hundred times the memory of what it reads. This takes time and memory
in proportion to it.
"""

from __future__ import annotations

import io
import json
import re

_WORDS = {"True": "true", "False": "false", "None": "null"}
_PLAIN = re.compile(r"[ \t\r\n\[\]{}:,0-9.eE+-]+|" + "|".join(_WORDS))
_OPENING = re.compile("[uU]?(['\"])")
# What may end a string that begins with a quote, or hide what would.
_STOPS = {"'": re.compile(r"['\\]"), '"': re.compile(r'["\\]')}
_ESCAPE = re.compile(r"""\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\\'"abfnrtv])""")


def as_json(literal: str) -> str:
    """Translate dicts, lists, strings, numbers, True, False and None.

    Raises ValueError for anything else. Brackets and commas are not checked: a JSON parser does.
    """
    translated = io.StringIO()
    position = 0
    while position < len(literal):
        if plain := _PLAIN.match(literal, position):
            translated.write(_WORDS.get(plain[0], plain[0]))
            position = plain.end()
        elif opening := _OPENING.match(literal, position):
            end = _end_of_string(literal, opening.end(), opening[1])
            translated.write(json.dumps(_ESCAPE.sub(_character, literal[opening.end() : end])))
            position = end + 1
        else:
            raise ValueError(f"not a Python literal at character {position}")
    return translated.getvalue()


def _end_of_string(literal: str, start: int, quote: str) -> int:
    """Return the position of the quote that ends the string."""
    position = start
    while stop := _STOPS[quote].search(literal, position):
        if stop[0] == quote:
            return stop.start()
        position = stop.end() + 1
    raise ValueError(f"a string without an end at character {start}")


def _character(escape: re.Match[str]) -> str:
    return escape[0].encode("ascii").decode("unicode_escape")
