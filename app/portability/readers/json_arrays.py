"""The elements of a JSON array, one at a time: an export may be larger than our memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from app.http import request_budget
from app.portability.text import MOST_LINES, TextFile
from app.portability.uploads import ImportProblem

# Characters of one element; a series with all its episodes may have some hundred thousand.
LONGEST_ELEMENT = 1_000_000
_BETWEEN = " \t\r\n,"
_decoder = json.JSONDecoder()


def first_element(text: TextFile) -> Any:
    """Return the first element if it is within the beginning of the file, else None."""
    start = text.beginning.lstrip()
    if not start.startswith("["):
        return None
    try:
        return _decoder.raw_decode(start[1:].lstrip())[0]
    except (ValueError, RecursionError):
        return None


def elements_of(text: TextFile) -> Iterator[Any]:
    """Yield the elements of the array that the file is. Raises ImportProblem if it is not one."""
    pieces = text.pieces()
    rest = next(pieces, "").lstrip(" \t\r\n\ufeff")
    if not rest.startswith("["):
        raise ImportProblem("We could not read this as JSON. Send the export as it was made.")
    rest, count = rest[1:], 0
    while True:
        request_budget.check()
        rest = rest.lstrip(_BETWEEN)
        if rest.startswith("]"):
            return
        element, end = _decode(rest)
        # A number may go on in the next piece.
        while end is None or end == len(rest):
            piece = next(pieces, "")
            if not piece or len(rest) > LONGEST_ELEMENT:
                raise ImportProblem("This JSON file is damaged. Download it again and send it.")
            rest += piece
            rest = rest.lstrip(_BETWEEN)
            if rest.startswith("]"):
                return
            element, end = _decode(rest)
        count += 1
        if count > MOST_LINES:
            raise ImportProblem(
                f"This file lists more than {MOST_LINES:,} titles. Is it all yours?"
            )
        rest = rest[end:]
        yield element


def _decode(text: str) -> tuple[Any, int | None]:
    """Return the value at the beginning of a text and its end; no end if it goes on."""
    try:
        return _decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None, None
